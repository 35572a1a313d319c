namespace Ad.Functional.CSharp

open System
open System.Collections.Generic
open System.Runtime.CompilerServices
open Ad.Functional

/// Differentiates functions of trees: tensors in records, tuples, arrays, lists and dictionaries.
[<AbstractClass; Sealed>]
type Autodiff =
    static member private F(f: Func<'a, 'b>) =
        ArgumentNullException.ThrowIfNull f
        f.Invoke

    /// The gradient of a function with a scalar result, by reverse mode: one pass.
    static member Gradient(f: Func<'a, Tensor>, x: 'a) : 'a = Reverse.gradient (Autodiff.F f) x

    /// The gradient by forward mode: one pass for each input element.
    static member ForwardGradient(f: Func<'a, Tensor>, x: 'a) : 'a = Forward.gradient (Autodiff.F f) x

    /// The value and the gradient, by reverse mode.
    static member ValueAndGradient(f: Func<'a, Tensor>, x: 'a) : struct (Tensor * 'a) =
        let value, gradient = Reverse.valueAndGradient (Autodiff.F f) x
        struct (value, gradient)

    /// The value, whatever else the function returns with it, and the gradient of the value.
    static member ValueAndGradientAux
        (f: Func<'a, struct (Tensor * 'aux)>, x: 'a)
        : struct (Tensor * 'aux * 'a) =
        let pair x =
            let struct (value, aux) = Autodiff.F f x
            value, aux

        let (value, aux), gradient = Reverse.valueAndGradientAux pair x
        struct (value, aux, gradient)

    /// Runs a function, in whose flow of control every derivative by hand is held against differences where it is first used.
    static member CheckRules(f: Func<'a>) : 'a =
        ArgumentNullException.ThrowIfNull f
        RuleCheck.during f.Invoke

    /// The value and the directional derivative along v.
    static member Jvp(f: Func<'a, 'b>, x: 'a, v: 'a) : struct ('b * 'b) =
        let value, tangent = Forward.jvp (Autodiff.F f) x v
        struct (value, tangent)

    /// The value and the pullback, a function from cotangents of the result to cotangents of x.
    static member Vjp(f: Func<'a, 'b>, x: 'a) : struct ('b * Func<'b, 'a>) =
        let value, pullback = Reverse.vjp (Autodiff.F f) x
        struct (value, Func<'b, 'a> pullback)

    /// The derivative of a function of one scalar, by forward mode.
    static member Derivative(f: Func<Tensor, 'b>, x: Tensor) : 'b = Forward.derivative (Autodiff.F f) x

    /// The Jacobian, by the cheaper mode.
    static member Jacobian(f: Func<Tensor, Tensor>, x: Tensor) : Tensor = jacobian (Autodiff.F f) x

    /// The Hessian, by forward over reverse.
    static member Hessian(f: Func<Tensor, Tensor>, x: Tensor) : Tensor = hessian (Autodiff.F f) x

    /// The Jacobian by blocks: for each tensor of the result a tree like x, whose leaves have the shape of that tensor, then of x's.
    static member JacobianTree(f: Func<'a, 'b>, x: 'a) : IReadOnlyList<'a> =
        List<'a>(jacobianTree (Autodiff.F f) x)

    /// The Hessian by blocks: for each tensor of x a tree like x.
    static member HessianTree(f: Func<'a, Tensor>, x: 'a) : IReadOnlyList<'a> =
        List<'a>(hessianTree (Autodiff.F f) x)

    /// The Jacobian, so many columns, or rows, a pass.
    static member JacobianChunked(f: Func<Tensor, Tensor>, x: Tensor, chunk: int) : Tensor =
        jacobianChunked chunk (Autodiff.F f) x

    /// The Jacobian, of which only the elements that may differ from 0 are computed and stored.
    static member SparseJacobian(f: Func<Tensor, Tensor>, x: Tensor) : SparseMatrix =
        Sparse.jacobian (Autodiff.F f) x

    /// The Hessian, of which only the elements that may differ from 0 are computed and stored.
    static member SparseHessian(f: Func<Tensor, Tensor>, x: Tensor) : SparseMatrix =
        Sparse.hessian (Autodiff.F f) x

    /// The sum of second derivatives by each element, without the Hessian.
    static member Laplacian(f: Func<Tensor, Tensor>, x: Tensor) : Tensor = laplacian (Autodiff.F f) x

    /// The sum of df_i/dx_i of a function that keeps the shape.
    static member Divergence(f: Func<Tensor, Tensor>, x: Tensor) : Tensor = divergence (Autodiff.F f) x

    /// The curl of a function from 3-vectors to 3-vectors.
    static member Curl(f: Func<Tensor, Tensor>, x: Tensor) : Tensor = curl (Autodiff.F f) x

    /// J' H J v with the Jacobian J of f at x and the Hessian H of the loss at f(x).
    static member GaussNewtonVp(loss: Func<'b, Tensor>, f: Func<'a, 'b>, x: 'a, v: 'a) : 'a =
        gaussNewtonVp (Autodiff.F loss) (Autodiff.F f) x v

    /// The transpose of a linear function, for arguments like the one given, whose elements do not matter.
    static member LinearTranspose(f: Func<'a, 'b>, like: 'a) : Func<'b, 'a> =
        Func<'b, 'a>(linearTranspose (Autodiff.F f) like)

    /// The tensors of a tree, through which no derivative flows.
    static member StopGradient(x: 'a) : 'a = stopGradient x

    /// The Hessian times v.
    static member Hvp(f: Func<'a, Tensor>, x: 'a, v: 'a) : 'a = hvp (Autodiff.F f) x v

    /// The function, traced once for each structure of arguments and run as one program from then on.
    static member Jit(f: Func<'a, 'b>) : Func<'a, 'b> = Func<'a, 'b>(jit (Autodiff.F f))

    /// A function of two trees, traced likewise.
    static member Jit(f: Func<'a, 'b, 'c>) : Func<'a, 'b, 'c> =
        let compiled = jit (fun (a, b) -> f.Invoke(a, b))
        Func<'a, 'b, 'c>(fun a b -> compiled (a, b))

    /// A function of three trees, traced likewise.
    static member Jit(f: Func<'a, 'b, 'c, 'd>) : Func<'a, 'b, 'c, 'd> =
        let compiled = jit (fun (a, b, c) -> f.Invoke(a, b, c))
        Func<'a, 'b, 'c, 'd>(fun a b c -> compiled (a, b, c))

    /// A step from a state and an input to the next state and an output, run over inputs from a first state: the last state and all outputs. Traced
    /// likewise; the states in between are seen by nobody, so that their memory goes from step to step.
    static member JitFold
        (step: Func<'s, 'x, struct ('s * 'y)>)
        : Func<'s, IEnumerable<'x>, struct ('s * IReadOnlyList<'y>)> =
        ArgumentNullException.ThrowIfNull step

        let folded =
            jitFold (fun state x ->
                let struct (next, y) = step.Invoke(state, x)
                next, y)

        Func<_, _, _>(fun start inputs ->
            let last, outputs = folded start inputs
            struct (last, List<'y> outputs :> IReadOnlyList<'y>))

    /// The function for many arguments at once: all leaves are taken apart along their first axis, and so are the results put together.
    static member Vmap(f: Func<'a, 'b>) : Func<'a, 'b> = Func<'a, 'b>(vmap (Autodiff.F f))

    /// The function for many arguments at once: leaf i of the argument is taken apart along inAxes[i] (null: the same for all), the results are put together along
    /// outAxis.
    static member Vmap(f: Func<'a, 'b>, outAxis: int, [<ParamArray>] inAxes: Nullable<int>[]) : Func<'a, 'b> =
        Func<'a, 'b>(vmapAxes (inAxes |> Array.map Option.ofNullable) outAxis (Autodiff.F f))

    /// The value and the derivative as a linear map of directions, in which f is not run again.
    static member Linearize(f: Func<'a, 'b>, x: 'a) : struct ('b * Func<'a, 'b>) =
        let value, push = linearize (Autodiff.F f) x
        struct (value, Func<'a, 'b> push)

    /// The function with a directional derivative given by hand, linear in the direction.
    static member CustomJvp(f: Func<'a, 'b>, rule: Func<'a, 'a, 'b>) : Func<'a, 'b> =
        ArgumentNullException.ThrowIfNull rule
        Func<'a, 'b>(jvpBy rule.Method (Autodiff.F f) (fun x v -> rule.Invoke(x, v)))

    /// The function with a pullback given by hand, linear in the cotangent.
    static member CustomVjp(f: Func<'a, 'b>, rule: Func<'a, 'b, 'a>) : Func<'a, 'b> =
        ArgumentNullException.ThrowIfNull rule
        Func<'a, 'b>(vjpBy rule.Method (Autodiff.F f) (fun x g -> rule.Invoke(x, g)))

    /// What Jit runs for the function at x, as text.
    static member Explain(f: Func<'a, 'b>, x: 'a) : string = explain (Autodiff.F f) x

    /// What Jit runs for the function at x, before each kernel its median time over so many runs.
    static member Profile(f: Func<'a, 'b>, x: 'a, runs: int) : string = profile runs (Autodiff.F f) x

    /// The first operation of f at x that makes an infinity or a NaN of finite numbers, as a sentence; null when all are finite.
    static member NonFinite(f: Func<'a, 'b>, x: 'a) : string | null =
        match Diagnose.nonFinite (Autodiff.F f) x with
        | Some found -> string found
        | None -> null

    /// The function's result, computed, and the work that it took.
    static member Measure(f: Func<'a>) : struct ('a * Cost) =
        let result, cost = Cost.measure f.Invoke
        struct (result, cost)

/// Takes trees apart and puts them together.
[<AbstractClass; Sealed>]
type Trees =
    /// The tensors of a tree, in order.
    static member Leaves(tree: 'a) : Tensor[] = Tree.leaves tree

    /// The paths to the tensors of a tree, in the same order, such as Layers.0.Weights.
    static member Names(tree: 'a) : string[] = Tree.named tree |> Array.map fst

    /// The tree with other tensors in place of its own.
    static member Rebuild(template: 'a, leaves: Tensor[]) : 'a = Tree.withLeaves leaves template

    /// The tree with a function applied to each tensor.
    static member Map(f: Func<Tensor, Tensor>, tree: 'a) : 'a = Tree.map f.Invoke tree

    /// Computes all tensors of a tree together, and returns the tree.
    static member Eval(tree: 'a) : 'a = Tree.eval tree

    /// The number of elements in all tensors of a tree.
    static member Count(tree: 'a) : int64 = Tree.count tree

/// Keys for random numbers.
[<AbstractClass; Sealed>]
type Keys =
    /// The key of a seed.
    static member OfSeed(seed: int64) : Key = Key.ofSeed seed

    /// Several new keys.
    static member Split(key: Key, count: int) : Key[] = Key.split count key

    /// A new key for a number.
    static member FoldIn(key: Key, number: Tensor) : Key = Key.foldInTensor number key
