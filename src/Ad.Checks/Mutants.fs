namespace Ad.Checks

open Ad.Functional
open Ad.Tensors

/// A derivative rule that is wrong: J v and J' g of a function at a point, from the right ones.
type internal Fault =
    { Push: (Tensor[] -> Tensor) -> Tensor[] -> Tensor[] -> Tensor
      Pull: (Tensor[] -> Tensor) -> Tensor[] -> Tensor -> Tensor[] }

/// An operation with a wrong derivative; its values are right.
type Mutant =
    internal
        { Fault: Fault
          FaultName: string
          Of: string }

    /// The operation.
    member m.Operation = m.Of

    /// What is wrong with its derivative.
    member m.Name = m.FaultName

/// What became of a mutant.
type MutantResult =
    {
        Operation: string
        Fault: string
        /// The random programs that were tried until one failed; 0 when none did.
        Cases: int
        /// The law that failed; empty when none did.
        Law: string
        /// The operations in the smallest failing program.
        Operations: int
        /// The elements of its largest input.
        Elements: int
        /// The operation that was blamed.
        Blamed: string
    }

    /// Whether a law failed.
    member r.IsKilled = r.Cases > 0

/// Wrong derivatives, to measure what the laws find: every one must be noticed, made small, and blamed on its operation.
[<RequireQualifiedAccess>]
module Mutants =
    let internal right =
        { Push = fun f x v -> snd (Forward.jvp f x v)
          Pull = fun f x g -> snd (Reverse.vjp f x) g }

    let internal times (factor: float) =
        { Push = fun f x v -> factor * right.Push f x v
          Pull = fun f x g -> right.Pull f x (factor * g) }

    let private forwardOnly fault = { right with Push = fault.Push }
    let internal reverseOnly fault = { right with Pull = fault.Pull }

    /// A linear change of one argument's tangent, with its transpose.
    let private ofArgument i change transpose =
        { Push = fun f x v -> right.Push f x (Array.updateAt i (change v[i]) v)
          Pull =
            fun f x g ->
                let pulled = right.Pull f x g
                Array.updateAt i (transpose pulled[i]) pulled }

    let private dropped i = ofArgument i Tensor.zerosLike Tensor.zerosLike

    let private flipped i =
        let flip (t: Tensor) = if t.Rank = 0 then t else Tensor.flip [ -1 ] t
        ofArgument i flip flip

    let private transposed i =
        let swap (t: Tensor) =
            if t.Rank >= 2 && t.Shape[t.Rank - 1] = t.Shape[t.Rank - 2] then
                Tensor.swapAxes -1 -2 t
            else
                t

        ofArgument i swap swap

    let private firstAxes i =
        let swap (t: Tensor) =
            if t.Rank >= 2 && t.Shape[0] = t.Shape[1] then
                Tensor.swapAxes 0 1 t
            else
                t

        ofArgument i swap swap

    /// The last element along the last axis left out.
    let private edge i =
        let cut (t: Tensor) =
            if t.Rank = 0 || t.Count = 0L then
                t
            else
                let last = t.Rank - 1
                let kept = Tensor.sliceAxis last 0 (t.Shape[last] - 1) 1 t
                Tensor.pad (List.init t.Rank (fun a -> 0, (if a = last then 1 else 0))) kept

        ofArgument i cut cut

    /// The derivative at another point: what a rule gives that keeps something too early.
    let private stale =
        let early (x: Tensor[]) =
            x
            |> Array.map (fun t ->
                if t.DType.IsFloat() then
                    Tensor.stopGradient (t * 0.9)
                else
                    t)

        { Push = fun f x v -> right.Push f (early x) v
          Pull = fun f x g -> right.Pull f (early x) g }

    /// The mean over what was repeated, where the sum belongs.
    let private averaged =
        let share (x: Tensor) (y: Tensor) = if y.Count = 0L then 1.0 else float x.Count / float y.Count

        { Push = fun f x v -> let moved = right.Push f x v in moved * share x[0] moved
          Pull = fun f x g -> right.Pull f x (g * share x[0] g) }

    /// An argument that stands in two places, counted in the first alone.
    let private once =
        let again (x: Tensor[]) = x.Length > 1 && obj.ReferenceEquals(x[0], x[1])

        { Push = fun f x v -> (if again x then (dropped 1).Push else right.Push) f x v
          Pull = fun f x g -> (if again x then (dropped 1).Pull else right.Pull) f x g }

    /// The branch that was not taken.
    let private otherBranch =
        let turned (x: Tensor[]) = x |> Array.map (fun t -> if t.DType = Bool then Tensor.logicalNot t else t)

        { Push = fun f x v -> right.Push f (turned x) v
          Pull = fun f x g -> right.Pull f (turned x) g }

    let private flat = set [ "sign"; "floor"; "ceil"; "round" ]

    // Which faults go around the operations in turn. Relative errors are in both modes, so that only values can tell.
    let private general =
        [ "sign", times -1.0
          "factor 2", times 2.0
          "relative error 1e-2", times 1.01
          "relative error 1e-3", times 1.001
          "relative error 1e-4", times 1.0001
          "relative error 1e-5", times 1.00001
          "sign, forward only", forwardOnly (times -1.0)
          "factor 1/2, reverse only", reverseOnly (times 0.5)
          "relative error 1e-5, forward only", forwardOnly (times 1.00001)
          "relative error 1e-5, reverse only", reverseOnly (times 1.00001) ]

    let private special =
        [ for name in
              [ "multiply"
                "divide"
                "power"
                "atan2"
                "maximum"
                "minimum"
                "scale"
                "contract" ] do
              name, "second path dropped", dropped 1
          for name in
              [ "add"
                "subtract"
                "multiplyAdd"
                "concat"
                "remainder"
                "scatterAdd"
                "solve"
                "conv"
                "convTranspose"
                "scan" ] do
              name, "first path dropped", dropped 0
          for name in
              [ "solve"
                "conv"
                "convTranspose"
                "scan"
                "cond"
                "checkpoint"
                "windowShare" ] do
              name, "second path dropped", dropped 1
          for name in [ "scan"; "cond"; "checkpoint"; "scatterAdd" ] do
              name, "third path dropped", dropped 2
          for name in [ "conv"; "convTranspose"; "windowSpread" ] do
              name, "wrong axis order, second argument", flipped 1
          for name in [ "scan" ] do
              name, "last element left out, second argument", edge 1
          for name in [ "cond" ] do
              name, "the other branch", otherBranch
          for name in
              [ "sin"
                "exp"
                "log"
                "sqrt"
                "tanh"
                "erf"
                "lgamma"
                "softmax"
                "multiply"
                "contract"
                "conv"
                "convTranspose"
                "cholesky"
                "lu"
                "qr"
                "eigh"
                "eig"
                "svd"
                "cofactors"
                "solve"
                "scan"
                "cond"
                "checkpoint" ] do
              name, "stale residual", stale
          for name in
              [ "cumsum"
                "slice"
                "pad"
                "flip"
                "reshape"
                "permute"
                "sort"
                "windowSum"
                "windowMax"
                "windowMin" ] do
              name, "wrong axis order", flipped 0
          for name in [ "contract"; "softmax"; "cumsum"; "lu"; "det"; "solve" ] do
              name, "transposed", transposed 0
          for name in [ "permute"; "prod"; "logSumExp" ] do
              name, "wrong axis", firstAxes 0
          for name in
              [ "sum"
                "cumsum"
                "max"
                "concat"
                "take"
                "sort"
                "conv"
                "windowSum"
                "windowMax" ] do
              name, "last element left out", edge 0
          for name in [ "broadcast" ] do
              name, "mean for sum over the repeated", averaged
              name, "mean for sum over the repeated, reverse only", reverseOnly averaged
          for name in [ "multiply"; "add"; "subtract"; "multiplyAdd" ] do
              name, "fan-out counted once", once ]

    /// The table: every operation with a derivative that is not zero, most of them with several faults.
    let all: Mutant list =
        let operations =
            Catalogue.all
            |> List.map _.Name
            |> List.filter (fun name -> not (flat.Contains name))

        [ for i, operation in List.indexed operations do
              let name, fault = general[i % general.Length]

              { Fault = fault
                FaultName = name
                Of = operation }
          for operation, name, fault in special do
              { Fault = fault
                FaultName = name
                Of = operation } ]

    /// An operation whose derivative is given by hand and right: no law may fail.
    let internal harmless (operation: string) : Mutant =
        { Fault = right
          FaultName = "none"
          Of = operation }

    /// The operation's value as it is, with the wrong derivative.
    let internal spoil (mutant: Mutant) (operation: string) (f: Tensor[] -> Tensor) : Tensor[] -> Tensor =
        if operation <> mutant.Of then
            f
        else
            fun x ->
                let y = f (Array.map Tensor.stopGradient x)

                let rule =
                    CustomRule(
                        [| y.Signature |],
                        (fun x v -> [| mutant.Fault.Push f x v |]),
                        (fun x g -> mutant.Fault.Pull f x g[0])
                    )

                Tensor.Create(Custom(rule, 0), Array.append [| y |] x)

    /// Looks for a mutant with so many random programs, and makes the first that fails small. Programs without the operation cannot fail; they count.
    let hunt (cases: int) (seed: int) (mutant: Mutant) : MutantResult =
        let laws = [ Oracle.Of Laws.forwardAgainstReverse; Oracle.Of Laws.againstDifferences ]
        let trial program () = Programs.changedTrial (spoil mutant) program

        let found =
            seq { 1..cases }
            |> Seq.tryPick (fun case ->
                let program = Programs.ofSeed (seed + case)

                if program.Nodes |> List.exists (fun n -> n.Operation = mutant.Of) then
                    laws
                    |> List.tryFind (fun law -> (Soak.verdict law (trial program)).IsSome)
                    |> Option.map (fun law -> case, law, program)
                else
                    None)

        match found with
        | None ->
            { Operation = mutant.Of
              Fault = mutant.FaultName
              Cases = 0
              Law = ""
              Operations = 0
              Elements = 0
              Blamed = "" }
        | Some(case, law, program) ->
            let smallest, _ = Shrinking.smallest (fun p -> (Soak.verdict law (trial p)).IsSome) program

            { Operation = mutant.Of
              Fault = mutant.FaultName
              Cases = case
              Law = law.Name
              Operations = smallest.Nodes.Length
              Elements =
                Programs.inputs smallest
                |> Seq.map (fun i -> Programs.count i.Shape)
                |> Seq.append [ 0 ]
                |> Seq.max
              Blamed = Soak.blameChanged (spoil mutant) smallest |> Option.defaultValue "" }

    /// The results as a table, with the score below.
    let toText (results: MutantResult seq) : string =
        let results = Array.ofSeq results

        let row (r: MutantResult) =
            if r.IsKilled then
                $"{r.Operation, -12} {r.Fault, -46} {r.Cases, 4}  {r.Law, -24} {r.Operations} op, {r.Elements} el, {r.Blamed}"
            else
                $"{r.Operation, -12} {r.Fault, -46}    SURVIVED"

        let count f = results |> Seq.filter f |> Seq.length
        let killed = count _.IsKilled
        let small = count (fun r -> r.Operations = 1 && r.Elements <= 4)
        let blamed = count (fun r -> r.Blamed = r.Operation)

        [ yield! Seq.map row results
          $"{killed} of {results.Length} killed, {small} shrunk to one operation and at most 4 elements, {blamed} blamed rightly." ]
        |> String.concat "\n"
