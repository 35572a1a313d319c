namespace Ad.Functional

open System
open System.Collections.Generic
open Ad.Tensors

/// The factor between a change of one input's element and the change of the result's element.
[<RequireQualifiedAccess>]
type internal Partial =
    | Zero
    | One
    | MinusOne
    | Factor of Tensor

/// <summary>How an operation is differentiated: one rule, which both modes read.</summary>
/// <remarks>Integers and booleans have no tangent; a rule holds such inputs fixed.</remarks>
type internal Derivative =
    /// Elementwise: for each input its partial, from the inputs and the result.
    | Elementwise of (Tensor[] -> Tensor -> Partial)[]
    /// Linear in all float inputs together: the tangent is the operation on the tangents. The transpose takes a cotangent to each input's.
    | Linear of transpose: (Tensor[] -> Tensor -> int -> Tensor)
    /// Linear in each float input by itself: the tangents add up. The transpose as above, the other inputs held.
    | Multilinear of transpose: (Tensor[] -> Tensor -> int -> Tensor)
    /// Anything else: from inputs and result, the result's tangent from the inputs', and the inputs' cotangents from the result's.
    | Rule of
        jvp: (Tensor[] -> Tensor -> Tensor option[] -> Tensor option) *
        vjp: (Tensor[] -> Tensor -> Tensor -> Tensor option[])
    /// All results of a control structure together.
    | Joint of structure: ControlRule * result: int
    /// No derivative: a symbolic zero.
    | NonDifferentiable

/// A control structure with its rules. A result is named by its number; of all results only those that somebody reads are asked for.
and [<AbstractClass>] internal ControlRule() =
    inherit Structure()

    /// Results and their tangents, from the inputs and theirs, by one run for both; without values, the tangents alone.
    abstract Move:
        inputs: Tensor[] * tangents: Tensor option[] * results: int[] * withValues: bool ->
            struct (Tensor option * Tensor option)[]

    /// The tangents of results, from the inputs and their tangents.
    member rule.Push(inputs, tangents, results) : Tensor option[] =
        rule.Move(inputs, tangents, results, false)
        |> Array.map (fun (struct (_, tangent)) -> tangent)

    /// The cotangents of the inputs that are wanted, from the inputs and the cotangents of results.
    abstract Pull: inputs: Tensor[] * cotangents: (int * Tensor)[] * wanted: bool[] -> Tensor option[]

    /// Results for examples one after another along a new first axis, which inputs with true have.
    abstract Batch: size: int * inputs: (Tensor * bool)[] * results: int[] -> Tensor[]

/// A derivative written by hand, on the leaves of a function's arguments and results; there are no symbolic zeros here.
[<Sealed>]
type internal CustomRule
    (results: Signature[], jvp: Tensor[] -> Tensor[] -> Tensor[], vjp: Tensor[] -> Tensor[] -> Tensor[]) =
    inherit Handwritten()

    /// The types and shapes of the results.
    member _.Results = results

    /// From arguments and their tangents to the results' tangents.
    member _.Jvp = jvp

    /// From arguments and the results' cotangents to the arguments'.
    member _.Vjp = vjp

/// The derivative of every operation.
[<RequireQualifiedAccess>]
module internal Derivatives =
    let private factor f : Tensor[] -> Tensor -> Partial = fun x y -> Partial.Factor(f x y)
    let private always p : Tensor[] -> Tensor -> Partial = fun _ _ -> p

    /// In terms of the input.
    let private ofInput (f: Tensor -> Tensor) = Elementwise [| factor (fun x _ -> f x[0]) |]

    /// In terms of the result.
    let private ofResult (f: Tensor -> Tensor) = Elementwise [| factor (fun _ y -> f y) |]

    let private twoOverRootPi = 2.0 / Math.Sqrt Math.PI
    let private zero (like: Tensor) = Tensor.zerosLike like

    /// 1 where a wins, 1/2 at ties, 0 elsewhere.
    let private wins (compare: Tensor -> Tensor -> Tensor) a b =
        Tensor.where
            (compare a b)
            (Tensor.onesLike a)
            (Tensor.where (Tensor.equal a b) (Tensor.fullLike a 0.5) (zero a))

    let private nonzero (x: Tensor) = Tensor.where (Tensor.equal x (zero x)) (Tensor.onesLike x) x

    // d(a^b)/da = b a^(b-1), and 0 for b = 0 even where a^(b-1) is infinite.
    let private powerBase (x: Tensor[]) _ =
        Tensor.where (Tensor.equal x[1] (zero x[1])) (zero x[0]) (x[1] * Tensor.Pow(x[0], x[1] - 1.0))

    // d(a^b)/db = a^b log a, and its limit 0 at a = 0 for b >= 0.
    let private powerExponent (x: Tensor[]) y =
        let flat = Tensor.logicalAnd (Tensor.equal x[0] (zero x[0])) (Tensor.greaterEqual x[1] (zero x[1]))
        Tensor.where flat (zero y) (y * log (Tensor.where flat (Tensor.onesLike y) x[0]))

    let private squaredRadius (x: Tensor[]) = nonzero (x[0] * x[0] + x[1] * x[1])

    let private pointwise f =
        match f with
        | Pointwise.Negate -> Elementwise [| always Partial.MinusOne |]
        | Pointwise.Abs -> ofInput Tensor.sign
        | Pointwise.Exp -> ofResult id
        | Pointwise.Expm1 -> ofInput exp
        | Pointwise.Log -> ofInput (fun x -> 1.0 / x)
        | Pointwise.Log1p -> ofInput (fun x -> 1.0 / (1.0 + x))
        | Pointwise.Sqrt -> ofResult (fun y -> 0.5 / y)
        | Pointwise.Rsqrt -> Elementwise [| factor (fun x y -> -0.5 * y / x[0]) |]
        | Pointwise.Sin -> ofInput cos
        | Pointwise.Cos -> ofInput (fun x -> -(sin x))
        | Pointwise.Tan -> ofResult (fun y -> 1.0 + y * y)
        | Pointwise.Asin -> ofInput (fun x -> Tensor.rsqrt ((1.0 - x) * (1.0 + x)))
        | Pointwise.Acos -> ofInput (fun x -> -(Tensor.rsqrt ((1.0 - x) * (1.0 + x))))
        | Pointwise.Atan -> ofInput (fun x -> 1.0 / (1.0 + x * x))
        | Pointwise.Sinh -> ofInput cosh
        | Pointwise.Cosh -> ofInput sinh
        | Pointwise.Tanh -> ofResult (fun y -> (1.0 - y) * (1.0 + y))
        | Pointwise.Asinh -> ofInput (fun x -> Tensor.rsqrt (x * x + 1.0))
        | Pointwise.Acosh -> ofInput (fun x -> Tensor.rsqrt ((x - 1.0) * (x + 1.0)))
        | Pointwise.Atanh -> ofInput (fun x -> 1.0 / ((1.0 - x) * (1.0 + x)))
        | Pointwise.Sigmoid -> Elementwise [| factor (fun x y -> y * Tensor.sigmoid (-x[0])) |]
        | Pointwise.Erf -> ofInput (fun x -> twoOverRootPi * exp (-(x * x)))
        | Pointwise.Lgamma -> ofInput Tensor.digamma
        | Pointwise.Digamma -> ofInput (fun x -> Tensor.polygamma (Tensor.onesLike x) x)
        | Pointwise.Add -> Elementwise [| always Partial.One; always Partial.One |]
        | Pointwise.Subtract -> Elementwise [| always Partial.One; always Partial.MinusOne |]
        | Pointwise.Multiply -> Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]) |]
        | Pointwise.Divide ->
            Elementwise [| factor (fun x _ -> 1.0 / x[1]); factor (fun x y -> -(y / x[1])) |]
        | Pointwise.Remainder ->
            let quotient (x: Tensor[]) = x[0] / x[1]
            let truncated q = Tensor.sign q * floor (abs q)
            Elementwise [| always Partial.One; factor (fun x _ -> -(truncated (quotient x))) |]
        | Pointwise.Power -> Elementwise [| factor powerBase; factor powerExponent |]
        | Pointwise.Atan2 ->
            Elementwise
                [| factor (fun x _ -> x[1] / squaredRadius x)
                   factor (fun x _ -> -(x[0] / squaredRadius x)) |]
        | Pointwise.Maximum ->
            Elementwise
                [| factor (fun x _ -> wins Tensor.greater x[0] x[1])
                   factor (fun x _ -> wins Tensor.greater x[1] x[0]) |]
        | Pointwise.Minimum ->
            Elementwise
                [| factor (fun x _ -> wins Tensor.less x[0] x[1])
                   factor (fun x _ -> wins Tensor.less x[1] x[0]) |]
        | Pointwise.Scale -> Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]) |]
        | Pointwise.Polygamma ->
            Elementwise
                [| always Partial.Zero
                   factor (fun x _ -> Tensor.polygamma (x[0] + 1.0) x[1]) |]
        | Pointwise.MultiplyAdd ->
            Elementwise [| factor (fun x _ -> x[1]); factor (fun x _ -> x[0]); always Partial.One |]
        | Pointwise.Select ->
            Linear(fun x g i ->
                if i = 1 then
                    Tensor.where x[0] g (zero g)
                else
                    Tensor.where x[0] (zero g) g)
        | Pointwise.Sign
        | Pointwise.Floor
        | Pointwise.Ceil
        | Pointwise.Round
        | Pointwise.Not
        | Pointwise.Equal
        | Pointwise.NotEqual
        | Pointwise.Less
        | Pointwise.LessEqual
        | Pointwise.And
        | Pointwise.Or
        | Pointwise.Xor -> NonDifferentiable

    let private functions = Enum.GetValues<Pointwise>() |> Array.map pointwise

    let private sizes (t: Tensor) = Seq.toArray t.Shape

    /// The reduced axes put back at size 1, then repeated to the input's shape.
    let private spread (axes: Axes) (input: Tensor) (reduced: Tensor) =
        reduced
        |> Tensor.reshape (input.Shape |> Seq.mapi (fun a n -> if axes.Contains a then 1 else n))
        |> Tensor.broadcastTo input.Shape

    /// Each extreme element's share: 1 over their number where the input equals the result, else 0.
    let private shares (axes: Axes) (x: Tensor) (y: Tensor) =
        let isExtreme = Tensor.equal x (spread axes x y) |> Tensor.cast x.DType
        isExtreme / spread axes x (Tensor.sumOver (axes.ToArray()) isExtreme)

    let private extreme (axes: Axes) =
        Rule(
            (fun x y t ->
                t[0]
                |> Option.map (fun t ->
                    Tensor.sumOver (axes.ToArray()) (Tensor.scale t (shares axes x[0] y)))),
            (fun x y g -> [| Some(Tensor.scale (spread axes x[0] g) (shares axes x[0] y)) |])
        )

    /// The tangents of all results of a function with a rule by hand, of its arguments' alone; None where these have none.
    let handPushed (rule: CustomRule) (arguments: Tensor[]) (tangents: Tensor option[]) : Tensor[] option =
        if Array.exists Option.isSome tangents then
            let filled =
                Array.map2
                    (fun (x: Tensor) t -> Option.defaultWith (fun () -> Tensor.zerosLike x) t)
                    arguments
                    tangents

            Some(rule.Jvp arguments filled)
        else
            None

    /// The cotangents of the arguments of a function with a rule by hand, from those of some of its results.
    let handPulled (rule: CustomRule) (arguments: Tensor[]) (given: (int * Tensor)[]) : Tensor option[] =
        let ofFloats (x: Tensor) g = if x.DType.IsFloat() then Some g else None

        let cotangents =
            rule.Results
            |> Array.mapi (fun i s ->
                match given |> Array.tryFind (fun (result, _) -> result = i) with
                | Some(_, g) -> g
                | None -> Tensor.zeros s.Type s.Shape)

        Array.map2 ofFloats arguments (rule.Vjp arguments cotangents)

    /// The sum of two tangents, either of which may be a symbolic zero.
    let joined (a: Tensor option) (b: Tensor option) =
        match a, b with
        | Some a, Some b -> Some(a + b)
        | Some a, None -> Some a
        | None, b -> b

    // The first input carries on what the function closed over; the rule speaks for the arguments, which come after it.
    let private custom (rule: CustomRule) result =
        Rule(
            (fun x _ tangents ->
                handPushed rule (Array.tail x) (Array.tail tangents)
                |> Option.map (Array.item result)
                |> joined tangents[0]),
            (fun x _ g -> Array.append [| Some g |] (handPulled rule (Array.tail x) [| result, g |]))
        )

    /// Sums over what broadcasting repeated.
    let private unbroadcast (input: Tensor) (g: Tensor) =
        let added = g.Rank - input.Rank

        let repeated =
            [ for a in 0 .. g.Rank - 1 do
                  if a < added || (input.Shape[a - added] = 1 && g.Shape[a] <> 1) then
                      a ]

        Tensor.sumOver repeated g |> Tensor.reshape input.Shape

    let private inverse (axes: Axes) =
        let order = axes.ToArray()
        Array.init order.Length (fun i -> Array.IndexOf(order, i))

    /// The transpose of a slice puts the elements back where they came from, among zeros.
    let private unslice (starts: Axes) (steps: Axes) (input: Tensor) (g: Tensor) =
        let used =
            Array.init g.Rank (fun a ->
                if g.Shape[a] = 0 then
                    0
                else
                    (g.Shape[a] - 1) * steps[a] + 1)

        let high = Array.init g.Rank (fun a -> input.Shape[a] - starts[a] - used[a])
        let low = Array.init g.Rank (fun a -> starts[a])
        let interior = Array.init g.Rank (fun a -> steps[a] - 1)
        Tensor.Create(Pad(axesOf low, axesOf high, axesOf interior), g)

    let private unpad (low: Axes) (interior: Axes) (input: Tensor) (g: Tensor) =
        let steps = Array.init g.Rank (fun a -> interior[a] + 1)
        Tensor.Create(Slice(low, axesOf input.Shape, axesOf steps), g)

    /// The transpose of a contraction is a contraction with the other operand, its axes put in the input's order.
    let private uncontract (lb: Axes) (rb: Axes) (ls: Axes) (rs: Axes) (x: Tensor[]) (g: Tensor) i =
        let mine, other, myBatch, otherBatch, mySummed, otherSummed =
            if i = 0 then
                x[0], x[1], lb.ToArray(), rb.ToArray(), ls.ToArray(), rs.ToArray()
            else
                x[1], x[0], rb.ToArray(), lb.ToArray(), rs.ToArray(), ls.ToArray()

        let free (t: Tensor) batch summed =
            [| for a in 0 .. t.Rank - 1 do
                   if not (Array.contains a batch || Array.contains a summed) then
                       a |]

        let myFree, otherFree = free mine myBatch mySummed, free other otherBatch otherSummed
        let batch = myBatch.Length

        let freeOfOtherInG =
            let start = if i = 0 then batch + myFree.Length else batch
            Array.init otherFree.Length (fun k -> start + k)

        // Result axes: batch, my free axes, then the summed axes in the order in which the other operand has them.
        let product =
            Tensor.Create(
                Contract(
                    axesOf (Array.init batch id),
                    axesOf otherBatch,
                    axesOf freeOfOtherInG,
                    axesOf otherFree
                ),
                g,
                other
            )

        let summedInOrder = Array.zip otherSummed mySummed |> Array.sortBy fst |> Array.map snd
        let places = Array.concat [ myBatch; myFree; summedInOrder ]
        Tensor.permute (Array.init places.Length (fun axis -> Array.IndexOf(places, axis))) product

    /// Both transposes of a convolution are convolutions: by the image with the kernel turned around, its rows and channels exchanged; by the
    /// kernel of the image and the cotangent, with examples for channels. Strides and dilations change places.
    let private unconvolve strides (low: Axes) inputDilation (dilation: Axes) (x: Tensor[]) (g: Tensor) i =
        let spatial (t: Tensor) = t.Shape |> Seq.skip 3 |> axesOf
        let ordered first = Seq.append first (Seq.init low.Count ((+) 3))

        if i = 0 then
            let turned =
                Tensor.flip (Seq.init low.Count ((+) 3)) x[1]
                |> Tensor.permute (ordered [ 0; 2; 1 ])

            let fromEnd =
                Seq.init low.Count (fun a -> (x[1].Shape[a + 3] - 1) * dilation[a] - low[a])
                |> axesOf

            Tensor.Create(Convolve(spatial x[0], inputDilation, fromEnd, strides, dilation), g, turned)
        else
            let image = Tensor.permute (ordered [ 2; 1; 0 ]) x[0]
            let window = Tensor.permute (ordered [ 1; 2; 0 ]) g

            Tensor.Create(Convolve(spatial x[1], dilation, low, inputDilation, strides), image, window)
            |> Tensor.permute (ordered [ 1; 2; 0 ])

    /// The transpose of sums in windows: sums in the same windows over what is spread out by their strides.
    let private unwindow (windows: Windows) (x: Tensor) (g: Tensor) =
        let first = x.Rank - windows.Count

        let fromEnd =
            Seq.init windows.Count (fun a -> (windows.Sizes[a] - 1) * windows.Dilation[a] - windows.Low[a])
            |> axesOf

        let turned = Windows(windows.Sizes, windows.InputDilation, fromEnd, windows.Strides, windows.Dilation)

        Tensor.Create(Window(Reduction.Sum, axesOf (Seq.skip first x.Shape), turned), g)

    // The extremes of windows change as the mean of where they are attained, and that is piecewise linear: winners do not change.
    let private share kind positions windows (x: Tensor) (t: Tensor) =
        Tensor.Create(WindowShare(kind, positions, windows), x, t)

    let private spreadOut kind windows (x: Tensor) (g: Tensor) =
        Tensor.Create(WindowSpread(kind, windows), x, g)

    let private same = Linear(fun _ g _ -> g)
    let private reshaped = Linear(fun x g _ -> Tensor.reshape x[0].Shape g)
    let private repeated = Linear(fun x g _ -> unbroadcast x[0] g)

    /// The rule of an operation.
    let rule (op: Op) : Derivative =
        match op with
        | Variable -> same
        | Custom(rule, result) -> custom (rule :?> CustomRule) result
        | Pointwise f -> functions[int f]
        | Cast t when t.IsFloat() -> Linear(fun x g _ -> Tensor.cast x[0].DType g)
        | Reduce(Reduction.Sum, axes) -> Linear(fun x g _ -> spread axes x[0] g)
        | Reduce((Reduction.Max | Reduction.Min), axes) -> extreme axes
        | CumulativeSum(axis, reverse) ->
            Linear(fun _ g _ -> Tensor.Create(CumulativeSum(axis, not reverse), g))
        | OnDevice _ ->
            Linear(fun x g _ ->
                match x[0].Place with
                | null -> Tensor.OnDevice(Device.Cpu, g)
                | from -> Tensor.OnDevice(from, g))
        | Reshape _ -> reshaped
        | Permute axes -> Linear(fun _ g _ -> Tensor.permute (inverse axes) g)
        | Broadcast _ -> repeated
        | Slice(starts, _, steps) -> Linear(fun x g _ -> unslice starts steps x[0] g)
        | Pad(low, _, interior) -> Linear(fun x g _ -> unpad low interior x[0] g)
        | Concatenate axis ->
            Linear(fun x g i ->
                let start = Seq.take i x |> Seq.sumBy (fun t -> t.Shape[axis])
                Tensor.sliceAxis axis start (start + x[i].Shape[axis]) 1 g)
        | Flip axes -> Linear(fun _ g _ -> Tensor.flip (axes.ToArray()) g)
        | Take(axis, batch) ->
            Linear(fun x g _ -> Tensor.Create(ScatterAdd(axis, batch, x[0].Shape[axis]), x[1], g))
        | ScatterAdd(axis, batch, _) -> Linear(fun x g _ -> Tensor.Create(Take(axis, batch), g, x[0]))
        | Contract(lb, rb, ls, rs) -> Multilinear(uncontract lb rb ls rs)
        | Decompose kind ->
            Rule(
                (fun x y t -> t[0] |> Option.map (DecompositionRules.push kind x[0] y)),
                (fun x y g -> [| Some(DecompositionRules.pull kind x[0] y g) |])
            )
        | Solve system ->
            Rule(
                (fun x y t -> DecompositionRules.pushSolve system x[0] y t[0] t[1]),
                (fun x y g -> DecompositionRules.pullSolve system x[0] y g |> Array.map Some)
            )
        | Convolve(_, strides, low, inputDilation, dilation) ->
            Multilinear(unconvolve strides low inputDilation dilation)
        | Window(Reduction.Sum, _, windows) -> Linear(fun x g _ -> unwindow windows x[0] g)
        | Window((Reduction.Max | Reduction.Min) as kind, positions, windows) ->
            Rule(
                (fun x _ t -> t[0] |> Option.map (share kind positions windows x[0])),
                (fun x _ g -> [| Some(spreadOut kind windows x[0] g) |])
            )
        | WindowShare(kind, positions, windows) ->
            Rule(
                (fun x _ t -> t[1] |> Option.map (share kind positions windows x[0])),
                (fun x _ g -> [| None; Some(spreadOut kind windows x[0] g) |])
            )
        | WindowSpread(kind, windows) ->
            Rule(
                (fun x _ t -> t[1] |> Option.map (spreadOut kind windows x[0])),
                (fun x _ g ->
                    let positions = axesOf (Seq.skip (g.Rank - windows.Count) x[1].Shape)
                    [| None; Some(share kind positions windows x[0] g) |])
            )
        | Control(structure, result) -> Joint((structure :?> ControlRule), result)
        | Cast _
        | Reduce((Reduction.ArgMax | Reduction.ArgMin), _)
        | Window((Reduction.ArgMax | Reduction.ArgMin), _, _)
        | Sort _
        | Data
        | Constant _
        | Iota _
        | Random _
        | StopGradient -> NonDifferentiable

    /// Whether a change of an input goes through the node to its result.
    let passes (t: Tensor) =
        t.DType.IsFloat()
        && (match rule t.Op with
            | NonDifferentiable -> false
            | Elementwise _
            | Linear _
            | Multilinear _
            | Rule _
            | Joint _ -> true)

/// Results of one control structure, or of one function with a rule by hand, which are made, differentiated and mapped together.
[<RequireQualifiedAccess>]
module internal Siblings =
    let private hash (x: obj) = System.Runtime.CompilerServices.RuntimeHelpers.GetHashCode x

    let private key =
        HashIdentity.FromFunctions
            (fun (struct (family: obj, inputs: Tensor[])) ->
                inputs |> Array.fold (fun code input -> code * 31 + hash input) (hash family))
            (fun (struct (a, x)) (struct (b, y)) ->
                obj.ReferenceEquals(a, b)
                && x.Length = y.Length
                && Array.forall2 (fun (p: Tensor) q -> obj.ReferenceEquals(p, q)) x y)

    /// What a node has in common with its siblings, and which result it is. A function with a rule by hand has its own value as first input.
    let private place (t: Tensor) (inputs: Tensor[]) =
        match t.Op with
        | Control(structure, result) -> ValueSome(struct (struct (structure :> obj, inputs), result))
        | Custom(rule, result) -> ValueSome(struct (struct (rule :> obj, Array.tail inputs), result))
        | _ -> ValueNone

    /// For a node of the list with these inputs, those of its family, in order, with the results that they are.
    let find (nodes: struct (Tensor * Tensor[]) seq) : Tensor -> Tensor[] -> (Tensor * int)[] =
        let groups = Dictionary<struct (obj * Tensor[]), List<Tensor * int>>(key)

        for struct (t, inputs) in nodes do
            match place t inputs with
            | ValueSome(struct (k, result)) ->
                match groups.TryGetValue k with
                | true, group -> group.Add((t, result))
                | _ -> groups[k] <- List [ t, result ]
            | ValueNone -> ()

        fun t inputs ->
            match place t inputs with
            | ValueSome(struct (k, _)) -> groups[k].ToArray()
            | ValueNone -> [||]
