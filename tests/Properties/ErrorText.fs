module Properties.ErrorText

open System
open Xunit
open Ad.Functional

let private v n = Tensor.arange Float64 n
let private m a b = Tensor.zeros Float64 [ a; b ]

/// A mistake, and words that the sentence about it must have.
let private mistakes: (string * (unit -> objnull) * string list) list =
    [ "a number beyond an integer type",
      (fun () -> box (Tensor.vector [ 1 ] + 3e9)),
      [ "add"; "3000000000"; "int32"; "Tensor.cast" ]
      "shapes that do not broadcast", (fun () -> box (v 2 + v 3)), [ "add"; "[2]"; "[3]" ]
      "types that differ",
      (fun () -> box (v 2 * Tensor.cast Float32 (v 2))),
      [ "multiply"; "float64"; "float32"; "Tensor.cast" ]
      "matrices that do not fit",
      (fun () -> box (Tensor.matmul (m 2 3) (m 2 3))),
      [ "matmul"; "float64[2, 3]"; "3"; "2" ]
      "a scalar in a product",
      (fun () -> box (Tensor.matmul (Tensor.scalar 1.0) (v 2))),
      [ "matmul"; "float64[]" ]
      "an axis that is not there",
      (fun () -> box (Tensor.sumOver [ 2 ] (m 2 3))),
      [ "sum"; "axis 2"; "rank 2" ]
      "an axis named twice", (fun () -> box (Tensor.maxOver [ 0; -2 ] (m 2 3))), [ "max"; "twice" ]
      "a shape that cannot hold it", (fun () -> box (Tensor.reshape [ 4 ] (m 2 3))), [ "reshape"; "6"; "4" ]
      "two sizes left open", (fun () -> box (Tensor.reshape [ -1; -1 ] (m 2 3))), [ "reshape"; "-1" ]
      "a bad order of axes", (fun () -> box (Tensor.permute [ 0; 0 ] (m 2 3))), [ "permute"; "[0, 0]" ]
      "a broadcast that shrinks", (fun () -> box (Tensor.broadcastTo [ 3 ] (m 2 3))), [ "broadcast"; "[3]" ]
      "pieces that do not match",
      (fun () -> box (Tensor.concat 0 [ m 2 3; m 2 4 ])),
      [ "concat"; "[2, 3]"; "[2, 4]" ]
      "a softmax of a scalar", (fun () -> box (Tensor.softmax 0 (Tensor.scalar 1.0))), [ "softmax"; "rank 0" ]
      "a log-softmax along no axis", (fun () -> box (Tensor.logSoftmax 1 (v 2))), [ "logSoftmax"; "axis 1" ]
      "a log-sum-exp along no axis",
      (fun () -> box (Tensor.logSumExpOver [ 1 ] (v 2))),
      [ "logSumExp"; "axis 1" ]
      "nothing to stack", (fun () -> box (Tensor.stack 0 [])), [ "stack"; "no tensors" ]
      "less than no numbers", (fun () -> box (Tensor.linspace Float64 0.0 1.0 -1)), [ "linspace"; "-1" ]
      "a derivative by a vector",
      (fun () -> box (Forward.derivative sin (v 2))),
      [ "Forward.derivative"; "argument"; "float64[2]"; "jvp" ]
      "an index outside", (fun () -> box ((v 3)[3])), [ "slice"; "index 3"; "axis 0" ]
      "a range outside", (fun () -> box ((v 3)[1..5])), [ "slice"; "axis 0"; "float64[3]" ]
      "too many indices", (fun () -> box ((v 3)[0, 0])), [ "slice"; "2"; "float64[3]" ]
      "a float as an index", (fun () -> box (Tensor.take 0 (v 2) (v 3))), [ "take"; "indices" ]
      "a mean of integers", (fun () -> box (Tensor.mean (Tensor.vector [ 1; 2 ]))), [ "mean"; "int32" ]
      "a sine of integers", (fun () -> box (Tensor.sin (Tensor.vector [ 1; 2 ]))), [ "sin"; "int32" ]
      "half of an integer", (fun () -> box (Tensor.vector [ 1; 2 ] * 0.5)), [ "multiply"; "0.5"; "int32" ]
      "a number for a bool",
      (fun () -> box (Tensor.where (v 2) (v 2) (v 2))),
      [ "select"; "bool"; "float64[2]" ]
      "elements that do not fill a shape",
      (fun () -> box (Tensor.ofArray [ 2; 2 ] [| 1.0 |])),
      [ "ofArray"; "[2, 2]"; "4"; "1" ]
      "ragged rows", (fun () -> box (Tensor.matrix [ [ 1.0 ]; [ 1.0; 2.0 ] ])), [ "matrix"; "row 1" ]
      "elements of another type",
      (fun () -> box (Tensor.toArray<float32>(v 2))),
      [ "toArray"; "float64"; "float32" ]
      "several elements as one", (fun () -> box (Tensor.toScalar (v 2))), [ "toScalar"; "[2]" ]
      "a gradient of a vector",
      (fun () -> box (Reverse.gradient sin (v 2))),
      [ "gradient"; "float64[2]"; "Tensor.sum" ]
      "a forward gradient of a vector",
      (fun () -> box (Forward.gradient sin (v 2))),
      [ "gradient"; "float64[2]" ]
      "a tangent that does not fit",
      (fun () -> box (Forward.jvp sin (v 2) (v 3))),
      [ "jvp"; "tangent"; "float64[3]"; "float64[2]" ]
      "a cotangent that does not fit",
      (fun () -> box (snd (Reverse.vjp sin (v 2)) (v 3))),
      [ "vjp"; "cotangent"; "float64[3]" ]
      "logits without classes",
      (fun () -> box (Losses.crossEntropy (m 2 3) (v 2))),
      [ "crossEntropy"; "float64[2, 3]" ]
      "predictions without targets",
      (fun () -> box (Losses.meanSquared (v 2) (v 3))),
      [ "meanSquared"; "[2]"; "[3]" ]
      "a window too large",
      (fun () -> box (Tensor.maxPool [ 3; 3 ] [ 1; 1 ] (m 2 2))),
      [ "maxPool"; "[3, 3]" ]
      "a negative size", (fun () -> box (Tensor.zeros Float64 [ -1 ])), [ "-1" ]
      "a curl in the plane", (fun () -> box (curl id (v 2))), [ "curl"; "float64[2]" ]
      "a probability above 1",
      (fun () -> box (Random.bernoulli 1.5 (Key.ofSeed 0L) [ 2 ])),
      [ "bernoulli"; "1.5" ] ]

let mistakeNames () =
    let data = TheoryData<string>()
    mistakes |> List.iter (fun (name, _, _) -> data.Add name)
    data

[<Theory; MemberData(nameof mistakeNames)>]
let ``a mistake is an error at the call that made it, in a sentence that names the culprit`` name =
    let _, mistake, words = mistakes |> List.find (fun (n, _, _) -> n = name)
    let error = Assert.Throws<ArgumentException>(fun () -> mistake () |> ignore)
    Assert.All(words, fun word -> Assert.Contains(word, error.Message))
    Assert.EndsWith(".", error.Message)

[<Fact>]
let ``an index out of range is an error that names it when the value is asked for`` () =
    let taken = Tensor.take 0 (Tensor.vector [ 0; 5 ]) (v 3)
    let error = Assert.ThrowsAny<Exception>(fun () -> Tensor.toArray<float> taken |> ignore)
    Assert.Contains("take", error.Message)
    Assert.Contains("5", error.Message)
    Assert.Contains("3", error.Message)
