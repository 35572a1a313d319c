namespace Ad.Checks

open System
open Ad.Functional
open Ad.Tensors

/// <summary>Checks the derivatives of any function of a tree of tensors: forward against reverse mode, against differences, and by Taylor slopes.</summary>
/// <remarks>
/// The function's own mistakes show when part of it has a derivative given by hand (customJvp, customVjp, stopGradient); the library's show always.
/// Integers and booleans in the tree are held. A function with many results is checked through a weighted sum of them. Of numbers of 16 bits differences can tell
/// little: a function that takes Float64 too is checked at the same point in that.
/// </remarks>
[<RequireQualifiedAccess>]
module Gradients =
    /// First and second derivatives, one direction of each kind, seed 1.
    let standard: CheckSettings =
        { Seed = 1
          Order = 2
          Directions = 1
          Resolution = 0.0 }

    let private floats (leaves: Tensor[]) = leaves |> Array.filter (fun t -> t.DType.IsFloat())

    let private flat (leaves: Tensor[]) : float[] =
        leaves |> Array.collect (fun t -> (Tensor.cast Float64 t).ToArray<float>())

    let private unflat (like: Tensor[]) (x: float[]) : Tensor[] =
        let mutable used = 0

        like
        |> Array.map (fun t ->
            let count = int t.Count
            let part = Array.sub x used count
            used <- used + count

            if t.DType = Float32 then
                Tensor.ofArray t.Shape (Array.map float32 part)
            else
                Tensor.cast t.DType (Tensor.ofArray t.Shape part))

    let private index (shape: Shape) (offset: int) =
        let strides = shape.Strides()

        Seq.init shape.Rank (fun a -> string (int64 offset / strides[a] % int64 shape[a]))
        |> String.concat ", "

    let private nameOf (leaves: (string * Tensor)[]) (element: int) =
        let rec find k left =
            let path, t = leaves[k]

            if left >= int t.Count then
                find (k + 1) (left - int t.Count)
            else
                let path = if path = "" then "x" else path
                if t.Rank = 0 then path else $"{path}[{index t.Shape left}]"

        find 0 element

    // A fixed cotangent or tangent, the same for every nesting.
    let private weights (like: Tensor[]) =
        let random = System.Random 23

        like
        |> Array.map (fun t ->
            Array.init (int t.Count) (fun _ -> random.NextDouble() + 0.5)
            |> Tensor.ofArray t.Shape
            |> Tensor.cast t.DType
            |> fun w -> if t.Rank = 0 then Tensor.onesLike t else w)

    let rec private subjects
        limit
        order
        nesting
        names
        (point: Tensor[])
        (f: Tensor[] -> Tensor[])
        : Subject list =
        let results = f point |> Tree.eval

        let units = Array.append point results |> Array.map (fun t -> Differences.unitOf t.DType)

        let subject =
            { Order = order
              Nesting = nesting
              Point = flat point
              Unit = Array.max units
              Value = fun x -> f (unflat point x) |> Tree.eval |> flat
              Push =
                Some(fun x v ->
                    let _, moved = Forward.jvp f (unflat point x) (unflat point v)
                    flat (Tree.eval moved))
              Pull =
                Some(fun x g ->
                    let _, pullback = Reverse.vjp f (unflat point x)
                    flat (Tree.eval (pullback (unflat results g))))
              Curve =
                if order = limit then
                    None
                else
                    Some(fun x v ->
                        let v = unflat point v
                        let along x = snd (Forward.jvp f x v)
                        snd (Forward.jvp along (unflat point x) v) |> Tree.eval |> flat)
              Spread =
                Some(fun x g v ->
                    let v, g = unflat point v, unflat results g

                    let along x =
                        Array.map2
                            (fun g moved -> Tensor.cast Float64 (Tensor.sum (g * moved)))
                            g
                            (snd (Forward.jvp f x v))
                        |> Array.reduce (+)

                    Rounding.spread along (unflat point x) (Tensor.scalar 1.0))
              Name = nameOf names }

        let deeper name f =
            let nested = if nesting = "" then name else $"{nesting}, {name}"
            subjects limit (order + 1) nested names point f

        if order = limit then
            [ subject ]
        else
            let g, v = weights results, weights point

            [ subject ]
            @ deeper "reverse" (fun x -> snd (Reverse.vjp f x) g)
            @ deeper "forward" (fun x -> snd (Forward.jvp f x v))

    let private checkTree (settings: CheckSettings) (f: 'a -> 'b) (x: 'a) : Report =
        if settings.Order < 1 || settings.Order > 3 then
            raise (ArgumentException $"The order is {settings.Order}, but must be 1, 2 or 3.")

        if settings.Directions < 1 then
            raise (
                ArgumentException
                    $"There are {settings.Directions} directions of each kind, but must be some."
            )

        let leaves = Tree.leaves x

        let leaves =
            if leaves |> Array.exists (fun t -> t.DType.IsHalf()) then
                let wide =
                    leaves
                    |> Array.map (fun t -> if t.DType.IsHalf() then Tensor.cast Float64 t else t)

                try
                    f (Tree.withLeaves wide x) |> Tree.leaves |> ignore
                    wide
                with :? ArgumentException ->
                    leaves
            else
                leaves

        let floating (floats: Tensor[]) =
            let mutable used = 0

            let filled =
                leaves
                |> Array.map (fun t ->
                    if t.DType.IsFloat() then
                        used <- used + 1
                        floats[used - 1]
                    else
                        t)

            Tree.withLeaves filled x

        let onFloats point = f (floating point) |> Tree.leaves |> floats

        let names =
            Tree.named (Tree.withLeaves leaves x)
            |> Array.filter (fun (_, t) -> t.DType.IsFloat())

        if Array.isEmpty (onFloats (floats leaves)) then
            raise (ArgumentException "The function has no float result to differentiate.")

        subjects settings.Order 1 "" names (floats leaves) onFloats
        |> List.sortBy _.Order
        |> Subject.report settings

    /// <summary>Checks the derivatives of a function at a point, as the settings say.</summary>
    /// <exception cref="T:System.ArgumentException">The order is not 1 to 3, there are no directions, or the function has no float result.</exception>
    let checkWith (settings: CheckSettings) (f: 'a -> Tensor) (x: 'a) : Report = checkTree settings f x

    /// Checks first and second derivatives of a function at a point.
    let check (f: 'a -> Tensor) (x: 'a) : Report = checkWith standard f x

    /// Checks a function whose results are a tree too.
    let checkAll (settings: CheckSettings) (f: 'a -> 'b) (x: 'a) : Report = checkTree settings f x

    /// <summary>Checks first and second derivatives of a function at a point, and raises unless they are right.</summary>
    /// <exception cref="T:Ad.Checks.GradientException">They are wrong, or the point shows too little to say; the message is the report.</exception>
    let assertCorrect (f: 'a -> Tensor) (x: 'a) : unit =
        let report = check f x

        if not report.IsPassed then
            raise (GradientException report)

    let private claimed value push pull (at: float[]) =
        Subject.report
            { standard with Order = 1 }
            [ { Order = 1
                Nesting = ""
                Point = Array.copy at
                Unit = Differences.unit64
                Value = value
                Push = push
                Pull = pull
                Curve = None
                Spread = None
                Name = fun i -> $"x[{i}]" } ]

    let private sized what length (a: float[]) =
        if a.Length <> length then
            raise (ArgumentException $"The {what} has {a.Length} elements, where {length} are expected.")

        a

    /// A function of plain numbers with its claimed gradient.
    let internal plain (f: float[] -> float) (gradient: float[] -> float[]) (at: float[]) : Report =
        let pull x (g: float[]) = gradient x |> sized "gradient" at.Length |> Array.map (fun d -> d * g[0])

        claimed (fun x -> [| f x |]) None (Some pull) at

    /// A function of plain numbers with many results, with its claimed products with the Jacobian and with its transpose; either may be missing.
    let internal plainMany
        (f: float[] -> float[])
        (jvp: (float[] -> float[] -> float[]) option)
        (vjp: (float[] -> float[] -> float[]) option)
        (at: float[])
        : Report =
        let results = (f at).Length

        claimed
            f
            (jvp |> Option.map (fun jvp x v -> jvp x v |> sized "tangent" results))
            (vjp |> Option.map (fun vjp x g -> vjp x g |> sized "cotangent" at.Length))
            at
