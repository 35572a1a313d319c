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
    }

[<RequireQualifiedAccess>]
module internal Trace =
    /// The steps from the variables to the outputs, in an order that only the graph decides. What has no derivative is a constant, and so is what
    /// depends on the variables only through such.
    let private steps scope (variables: Tensor[]) (outputs: Tensor[]) =
        let varying = HashSet<Tensor>(variables, HashIdentity.Reference)

        let mayVary (t: Tensor) =
            t.DType.IsFloat()
            && Scopes.contains scope t.Scopes
            && (match Derivatives.rule t.Op with
                | NonDifferentiable -> false
                | _ -> true)

        let enter (t: Tensor) = if mayVary t then ValueSome t.Operands else ValueNone

        [| for struct (t, inputs) in Walk.postOrder enter outputs do
               if varying.Contains t || (Array.exists varying.Contains inputs && varying.Add t) then
                   { Node = t
                     Inputs = inputs
                     Rule = Derivatives.rule t.Op } |]

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

            ``use``
                { Scope = scope
                  Variables = variables
                  Result = result
                  Outputs = outputs
                  Steps = steps scope variables outputs }
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
