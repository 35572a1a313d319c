module Properties.ChecksLawsExamples

open System.Reflection
open System.Threading
open Xunit
open Ad.Checks
open Ad.Functional

/// What gradcheck finds in this assembly.
module Marked =
    [<GradientChecked>]
    let right =
        GradientExample.Of((fun (x: Tensor) -> Tensor.sum (Tensor.sin x * x)), Tensor.vector [ 0.3; 1.2 ])

    /// Each with the gradient that somebody claims for it; the second forgets a term.
    [<GradientChecked>]
    let pairs () =
        let f (x: float[]) = x[0] * x[0] * x[1]
        let gradient (x: float[]) = [| 2.0 * x[0] * x[1]; x[0] * x[0] |]
        let forgetful (x: float[]) = [| x[0] * x[1]; x[0] * x[0] |]

        [ GradientExample.Of(f, gradient, [| 2.0; 3.0 |])
          GradientExample.Of(f, forgetful, [| 2.0; 3.0 |]) ]

    type Layer =
        [<GradientChecked>]
        static member Swish =
            let swish (x: Tensor) = Tensor.sum (x * Tensor.sigmoid x)
            GradientExample.Of(swish, Tensor.vector [ -0.4; 0.0; 2.0 ], { Gradients.standard with Order = 1 })

[<Fact>]
let ``marked values, functions and members of F# are each checked once, in the order of their names`` () =
    let seen = ResizeArray()

    let results =
        MarkedExamples.Run(
            Assembly.GetExecutingAssembly(),
            (fun r -> seen.Add r.Operation),
            CancellationToken.None
        )

    let name of' = "Properties.ChecksLawsExamples+Marked" + of'

    Assert.Equal<(string * bool) seq>(
        [ name "+Layer.Swish", true
          name ".pairs[0]", true
          name ".pairs[1]", false
          name ".right", true ],
        results |> Seq.map (fun r -> r.Operation, r.Passed)
    )

    Assert.Equal<string seq>(results |> Seq.map _.Operation, seen)
    let wrong = results |> Seq.find (fun r -> not r.Passed)
    Assert.StartsWith("Failed: the derivative is wrong, most of all at x[0].", wrong.Message)
