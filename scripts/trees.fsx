// Trees: wherever a function takes or returns tensors, it takes records, tuples, lists, maps, options and unions of them.
#load "lib/Prelude.fsx"

open Ad.Functional

type Activation =
    | Linear
    | Scaled of Slope: Tensor

type Model =
    { Weights: Map<string, Tensor>
      Bias: Tensor option
      Activation: Activation
      Layers: (Tensor * Tensor) list
      Name: string }

let model =
    { Weights = Map [ "left", Tensor.vector [ 1.0; 2.0 ]; "right", Tensor.vector [ 3.0; 4.0 ] ]
      Bias = Some(Tensor.scalar 0.5)
      Activation = Scaled(Tensor.scalar 2.0)
      Layers = [ Tensor.scalar 1.0, Tensor.scalar 2.0; Tensor.scalar 3.0, Tensor.scalar 4.0 ]
      Name = "a model" }

// The gradient has the structure of what it is a gradient by. Text and plain numbers are carried along.
let loss m =
    let weights = Tensor.sum (m.Weights["left"] * m.Weights["right"])
    let bias = m.Bias |> Option.defaultValue (Tensor.scalar 0.0)

    let activated =
        match m.Activation with
        | Linear -> weights
        | Scaled slope -> slope * weights

    m.Layers |> List.fold (fun y (a, b) -> a * y + b) (activated + bias)

let value, gradient = Reverse.valueAndGradient loss model
printfn $"{value}"
//> 77.5 : float64[]

for path, leaf in Tree.named gradient do
    printfn $"{path} = {leaf}"
//> Weights.left = [18.0, 24.0] : float64[2]
//> Weights.right = [6.0, 12.0] : float64[2]
//> Bias = 3.0 : float64[]
//> Activation.Scaled.Slope = 33.0 : float64[]
//> Layers.0.0 = 67.5 : float64[]
//> Layers.0.1 = 3.0 : float64[]
//> Layers.1.0 = 24.5 : float64[]
//> Layers.1.1 = 1.0 : float64[]

printfn $"{gradient.Name}"
//> a model

// What is not there has no gradient, and needs none.
let without =
    grad
        loss
        { model with
            Bias = None
            Activation = Linear
            Layers = [] }

printfn $"{without.Bias.IsNone}, {without.Activation.IsLinear}, {without.Weights}"
//> True, True, map [(left, [3.0, 4.0] : float64[2]); (right, [1.0, 2.0] : float64[2])]

// Forward mode takes a direction of the same structure; here, along the gradient.
let _, slope = Forward.jvp loss model gradient

let squares =
    Tree.leaves gradient
    |> Array.sumBy (fun g -> Tensor.toScalar (Tensor.sum (g * g)))

printfn $"{Tensor.toScalar slope - squares}"
//> 0

// Trees are mapped, paired and counted like lists.
let step = Tree.map2 (fun p g -> p - 0.001 * g) model gradient

printfn
    $"{Tree.count model} numbers; the loss falls from {Tensor.toScalar value} to {Tensor.toScalar (loss step):F3}"
//> 10 numbers; the loss falls from 77.5 to 70.375

// Two trees that should be alike and are not: the message names the place.
try
    Tree.map2 (+) model { model with Bias = None } |> ignore
with :? System.ArgumentException as mistake ->
    printfn $"{mistake.Message}"
//> The two trees differ in structure: only one of them has 'Bias'.

// A function that returns a tree: the pullback takes a cotangent of that structure.
let split (x: Tensor) =
    {| Sum = Tensor.sum x
       Parts = [ x[0]; x[1] * x[1] ] |}

let y, pullback = Reverse.vjp split (Tensor.vector [ 3.0; 4.0 ])
printfn $"{pullback {| y with Sum = Tensor.scalar 1.0 |}}"
//> [4.0, 129.0] : float64[2]
