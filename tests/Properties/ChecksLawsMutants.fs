module Properties.ChecksLawsMutants

open Xunit
open Ad.Checks

let private results = lazy (Mutants.all |> Array.ofList |> Array.Parallel.map (Mutants.hunt 300 0))

[<Fact>]
let ``every wrong derivative is found within 300 random programs`` () =
    let survivors = results.Value |> Array.filter (fun r -> not r.IsKilled)
    Assert.True(results.Value.Length >= 100)
    Assert.True((survivors.Length = 0), Mutants.toText results.Value)

[<Fact>]
let ``nineteen in twenty shrink to one operation and at most 4 elements`` () =
    let small = results.Value |> Array.filter (fun r -> r.Operations = 1 && r.Elements <= 4)
    Assert.True(20 * small.Length >= 19 * results.Value.Length, Mutants.toText results.Value)

[<Fact>]
let ``the operation with the wrong derivative is blamed, and no other`` () =
    Assert.All(results.Value, (fun r -> Assert.Equal(r.Operation, r.Blamed)))

[<Fact>]
let ``a right derivative given by hand is not found wrong`` () =
    for operation in [ "multiply"; "contract"; "softmax"; "take"; "broadcast"; "power" ] do
        let result = Mutants.hunt 60 0 (Mutants.harmless operation)
        Assert.False(result.IsKilled, Mutants.toText [ result ])

[<Fact>]
let ``the table has every operation whose derivative is not zero, and every kind of fault`` () =
    let flat = set [ "sign"; "floor"; "ceil"; "round" ]
    let operations = Mutants.all |> List.map _.Operation |> Set.ofList
    Assert.Equal<Set<string>>((Catalogue.all |> List.map _.Name |> Set.ofList) - flat, operations)
    let names = Mutants.all |> List.map _.Name |> Set.ofList
    Assert.True(names.Count >= 19, String.concat ", " names)

[<Fact>]
let ``the table says what survived`` () =
    let result = Mutants.hunt 5 0 (Mutants.harmless "sin")
    Assert.Contains("SURVIVED", Mutants.toText [ result ])
    Assert.Contains("0 of 1 killed", Mutants.toText [ result ])
