namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// One recorded operation on the way from a transform's variables to its results. It holds its inputs itself, so that it outlives evaluation.
[<Struct>]
type internal Step =
    { Node: Tensor
      Inputs: Tensor[]
      Rule: Derivative }

/// A function run once on variables, as the list of its operations: what Forward walks down and Reverse walks up.
type internal Trace<'b> =
    {
        Scope: Scope
        Variables: Tensor[]
        Result: 'b
        /// The tensors of the result.
        Outputs: Tensor[]
        /// The operations that depend on the variables, each after its inputs.
        Steps: Step[]
        /// For the inputs of all steps, one step's after another's, which step makes them; -1 for a constant.
        Sources: int[]
    }

[<RequireQualifiedAccess>]
module internal Trace =
    /// The steps from the variables to the outputs, in an order that only the graph decides, and the sources of their inputs. What has no derivative is a
    /// constant, and so is what depends on the variables only through such.
    let private steps scope (variables: Tensor[]) (outputs: Tensor[]) : Step[] * int[] =
        let mayVary (t: Tensor) =
            t.DType.IsFloat()
            && Scopes.contains scope t.Scopes
            && (match Derivatives.rule t.Op with
                | NonDifferentiable -> false
                | _ -> true)

        let enter (t: Tensor) = if mayVary t then ValueSome t.Operands else ValueNone
        use marks = new Marks()
        let stack = Stack<Visit<Tensor>>()
        let sorted = List<struct (Tensor * Tensor[])>()

        for output in outputs do
            Walk.add marks stack sorted enter output

        // Which step each of the nodes is, counted from 1; 0 for none.
        let stepOf: int[] = Array.zeroCreate sorted.Count

        for variable in variables do
            match marks.Find variable with
            | -1
            | Walk.Outside -> ()
            | place -> stepOf[place] <- 1

        let sources = List<int>()
        let steps = List<Step>()

        for i in 0 .. sorted.Count - 1 do
            let struct (t, inputs) = sorted[i]
            let first = sources.Count
            let mutable varies = stepOf[i] > 0

            for input in inputs do
                let source =
                    match marks.Find input with
                    | Walk.Outside -> -1
                    | place -> stepOf[place] - 1

                varies <- varies || source >= 0
                sources.Add source

            if varies then
                steps.Add
                    { Node = t
                      Inputs = inputs
                      Rule = Derivatives.rule t.Op }

                stepOf[i] <- steps.Count
            else
                sources.RemoveRange(first, inputs.Length)

        steps.ToArray(), sources.ToArray()

    /// Which steps make these tensors; -1 of one that no step makes.
    let places (trace: Trace<'b>) (tensors: Tensor[]) : int[] =
        use marks = new Marks()
        tensors |> Array.iteri (fun i t -> marks.Put(t, i))
        let found = Array.create tensors.Length -1

        for s in 0 .. trace.Steps.Length - 1 do
            match marks.Find trace.Steps[s].Node with
            | -1 -> ()
            | i -> found[i] <- s

        // The same tensor may be there twice.
        tensors |> Array.map (fun t -> found[marks.Find t])

    /// Runs the function on variables in place of the tree's tensors; `use` sees the trace while the scope is open.
    let run (f: 'a -> 'b) (x: 'a) (``use``: Trace<'b> -> 'c) : 'c =
        let scope = Scope()

        try
            let variables =
                Tree.leaves x
                |> Array.map (fun t ->
                    // Only floats vary; an integer keeps its place in the tree.
                    if t.DType.IsFloat() then
                        Tensor(Variable, [| t |], t.Signature, scope, null)
                    else
                        t)

            let result = f (Tree.withLeaves variables x)
            let outputs = Tree.leaves result
            let steps, sources = steps scope variables outputs

            ``use``
                { Scope = scope
                  Variables = variables
                  Result = result
                  Outputs = outputs
                  Steps = steps
                  Sources = sources }
        finally
            scope.Close()

    /// The results of one control structure among the steps.
    let siblings (trace: Trace<'b>) =
        Siblings.find (trace.Steps |> Seq.map (fun step -> struct (step.Node, step.Inputs)))

    let private group (own: Scope | null) (tensors: Tensor seq) =
        let members = tensors |> Seq.filter (fun t -> isNull t.Value) |> Seq.toArray

        if
            members.Length > 1
            && not (members |> Array.exists (fun t -> Scopes.isOpenBut own t.Scopes))
        then
            let group = Group(members |> Array.map (fun t -> t :> Node))

            for t in members do
                t.Group <- group

    /// Tensors to be computed together once one of them is; not those that another transform still looks at, which may need only some.
    let together (tensors: Tensor seq) = group null tensors

    /// Results of a trace, to be computed together likewise.
    let resultsTogether (trace: Trace<'b>) (tensors: Tensor seq) = group trace.Scope tensors

    /// Computes the tensors now, unless a transform still running will read how they come about: so that one pass after another is the same
    /// small program, rather than all of them one large one.
    let settle (tensors: Tensor[]) =
        if tensors |> Array.forall (fun t -> not (Scopes.isOpen t.Scopes)) then
            Tree.eval tensors
        else
            tensors
