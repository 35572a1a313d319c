module Properties.CloseLaws

open System
open Xunit
open Ad.Checks
open Properties.Generators

[<Fact>]
let ``the next float is one step away`` () =
    Check.property (fun (Ordinary x) -> Close.ulps x (Math.BitIncrement x) = 1UL)

[<Fact>]
let ``distance does not depend on the order`` () =
    Check.property (fun (Ordinary x) (Ordinary y) -> Close.ulps x y = Close.ulps y x)

[<Fact>]
let ``the two zeros are the same number`` () = Assert.Equal(0UL, Close.ulps 0.0 -0.0)

[<Fact>]
let ``NaN is near nothing but NaN`` () =
    Assert.True(Close.within 0 nan nan)
    Assert.False(Close.within Int32.MaxValue nan 1.0)
