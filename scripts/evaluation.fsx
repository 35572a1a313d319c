// A tensor is an expression until somebody asks for its value; what is asked for together is computed together.
#load "lib/Prelude.fsx"

open Ad.Functional

let x = Tensor.linspace Float64 0.0 1.0 1000

// How many operations a piece of code makes the engine run.
let counted name f =
    let _, cost = Cost.measure (fun () -> f () |> ignore)
    printfn $"{name}: {cost.PrimitiveEvaluations} operations"

// Writing an expression computes nothing, but its shape and type are known, and mistakes are errors at once.
let s = sin x
let y = Tensor.sum (s * s)
counted "written" (fun () -> Tensor.shape y)
//> written: 0 operations

// Asking computes what is needed, and the value is kept.
counted "asked" (fun () -> Tensor.toScalar y)
counted "asked again" (fun () -> Tensor.toScalar y)
//> asked: 3 operations
//> asked again: 0 operations

// What a value and its gradient have in common is computed once: sin x and exp (sin x) here.
let f x = Tensor.sum (exp (sin x))

counted "value" (fun () -> Tensor.eval (f x))
counted "gradient" (fun () -> Tensor.eval (grad f x))
counted "value and gradient" (fun () -> Tensor.eval (valueAndGrad f x))
//> value: 3 operations
//> gradient: 7 operations
//> value and gradient: 8 operations

// An expression that several others use is kept when one of them is computed, and is there for the next.
let shared = exp x
let one, other = Tensor.sum shared, Tensor.max shared
counted "the first" (fun () -> Tensor.toScalar one)
counted "the second" (fun () -> Tensor.toScalar other)
//> the first: 2 operations
//> the second: 1 operations

// jit runs the function once on placeholders, keeps the program, and from then on runs only that.
let mutable traced = 0

let step =
    jit (fun (w: Tensor) ->
        traced <- traced + 1
        w - 0.1 * grad f w)

let w = Seq.init 100 id |> Seq.fold (fun w _ -> step w) x
printfn $"{Tensor.shape w} after {traced} trace"
//> [1000] after 1 trace

// Another shape or type is another program.
step (Tensor.vector [ 1.0; 2.0 ]) |> ignore
printfn $"{traced} traces"
//> 2 traces
