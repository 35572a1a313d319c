/// Derivatives by hand, held against differences where they are first used.
module Properties.RuleCheckLaws

open System
open Xunit
open Ad.Functional

let private x = Tensor.vector [ 0.3; -1.2; 2.0 ]
let private refused f = (Assert.Throws<ArgumentException>(fun () -> f () |> ignore)).Message
let private during f = RuleCheck.during f

let private halved (x: Tensor) = customJvp (fun (x: Tensor) -> sin x) (fun x v -> 0.5 * cos x * v) x

[<Fact>]
let ``a wrong rule is told of at its first use, by the name of the function that has it`` () =
    let message = refused (fun () -> during (fun () -> halved x))
    Assert.Contains("customJvp", message)
    Assert.Contains("halved", message)
    Assert.Contains("differences give", message)
    let turned x = customVjp (fun (x: Tensor) -> x * x) (fun x g -> -2.0 * x * g) x
    Assert.Contains("customVjp", refused (fun () -> during (fun () -> turned x)))

[<Fact>]
let ``right rules pass, over trees, in single precision, with integers among the arguments`` () =
    during (fun () ->
        let product (a: Tensor, b: Tensor) =
            customVjp (fun (a, b) -> a * b, a + b) (fun (a, b) (g, h) -> b * g + h, a * g + h) (a, b)

        product (x, x + 1.0) |> ignore

        customJvp (fun (x: Tensor) -> exp x) (fun x v -> exp x * v) (Tensor.cast Float32 x)
        |> ignore

        customVjp
            (fun (x: Tensor, i: Tensor) -> Tensor.take 0 i x)
            (fun (x, i) g -> Tensor.scatterAdd 0 i g (Tensor.zerosLike x), i)
            (x, Tensor.vector [ 2; 0; 2 ])
        |> ignore

        // At a kink differences say nothing.
        customJvp (fun (x: Tensor) -> abs x) (fun x v -> Tensor.sign x * v) (Tensor.zeros Float64 [ 3 ])
        |> ignore)

[<Fact>]
let ``nothing is checked where nobody asked, nor while numbers are unknown`` () =
    halved x |> ignore
    during (fun () -> jit (fun x -> halved x) x) |> ignore

    let slope =
        during (fun () -> Assert.Throws<ArgumentException>(fun () -> grad (halved >> Tensor.sum) x |> ignore))

    Assert.Contains("halved", slope.Message)
    Assert.False(RuleCheck.isOn ())

[<Fact>]
let ``each rule is checked once for each shape`` () =
    let mutable count = 0

    let f (x: Tensor) =
        count <- count + 1
        x * x

    let square x = customJvp f (fun x v -> 2.0 * x * v) x

    during (fun () ->
        for _ in 1..10 do
            square x |> ignore

        let once = count
        square (Tensor.stack 0 [ x; x ]) |> ignore
        Assert.InRange(once, 10, 16)
        Assert.InRange(count - once, 2, 7))
