namespace Ad.Functional

open System
open Ad.Tensors

/// A setting to search: its name, its least and its greatest value, and whether it goes by powers.
[<RequireQualifiedAccess>]
type Setting =
    { Name: string
      Low: float
      High: float
      IsLogarithmic: bool }

/// Settings tried, and the loss they gave.
type Attempt =
    { Settings: Map<string, float>
      Loss: float }

/// <summary>Searches for settings, by pure steps: from the attempts so far to the settings to try next.</summary>
/// <remarks>A loss that is not finite counts as the worst one seen.</remarks>
[<RequireQualifiedAccess>]
module Search =
    /// A setting from low to high, by steps.
    [<CompiledName("Linear")>]
    let linear (name: string) (low: float) (high: float) : Setting =
        if not (Double.IsFinite low && Double.IsFinite high && low < high) then
            Shapes.refuse
                "search"
                $"{name} goes from {low} to {high}; it must go from a number to a greater one."

        { Setting.Name = name
          Low = low
          High = high
          IsLogarithmic = false }

    /// A setting from low to high, by powers.
    [<CompiledName("Logarithmic")>]
    let logarithmic (name: string) (low: float) (high: float) : Setting =
        if not (low > 0.0) then
            Shapes.refuse "search" $"{name} goes by powers, but begins at {low}."

        { linear name low high with
            IsLogarithmic = true }

    let private ofUnit (s: Setting) u =
        if s.IsLogarithmic then
            s.Low * Math.Pow(s.High / s.Low, u)
        else
            s.Low + (s.High - s.Low) * u

    let private toUnit (s: Setting) value =
        if s.IsLogarithmic then
            Math.Log(value / s.Low) / Math.Log(s.High / s.Low)
        else
            (value - s.Low) / (s.High - s.Low)

    let private named (space: Setting list) (point: float[]) =
        space |> List.mapi (fun i s -> s.Name, ofUnit s point[i]) |> Map.ofList

    let private points (space: Setting list) key count =
        Random.uniform key [ count; space.Length ]
        |> Tensor.toArray<float>
        |> Array.chunkBySize space.Length

    /// Settings at random, each uniform in its range (Bergstra and Bengio 2012).
    [<CompiledName("Random")>]
    let random (space: Setting list) (key: Key) : Map<string, float> =
        points space key 1 |> Array.head |> named space

    // The kernel e^(-|x - y|^2 / 2 width^2) between rows.
    let private kernel (width: float) (a: Tensor) (b: Tensor) =
        let squares (x: Tensor) = Tensor.sumKeep [ 1 ] (Tensor.square x)

        let apart =
            squares a + Tensor.transpose (squares b)
            - 2.0 * Tensor.matmul a (Tensor.transpose b)

        exp (Tensor.relu apart * (-0.5 / (width * width)))

    // A Gaussian process through points x with values y of mean 0 and variance 1: the width of the largest marginal likelihood.
    let private fit (x: Tensor) (y: Tensor) =
        let n = x.Shape[0]

        let ofWidth width =
            let k = kernel width x x + 1e-6 * Tensor.eye DType.Float64 n
            let l = Linalg.cholesky k
            let half = Linalg.solveLower l y
            let likelihood = -0.5 * Tensor.sum (Tensor.square half) - Tensor.sum (log (Linalg.diagonal l))
            Tensor.toScalar likelihood, (width, l, half)

        [ 0.08; 0.15; 0.3; 0.6; 1.2 ] |> List.map ofWidth |> List.maxBy fst |> snd

    /// <summary>
    /// The settings to try next: those, among 2,000 at random, of the largest expected improvement over the best attempt (Jones, Schonlau and Welch 1998)
    /// under a Gaussian process through the attempts. The first five are at random.
    /// </summary>
    [<CompiledName("Next")>]
    let next (space: Setting list) (key: Key) (attempts: Attempt list) : Map<string, float> =
        if space.IsEmpty then
            Shapes.refuse "search" "takes at least one setting."

        let finite = attempts |> List.filter (fun t -> Double.IsFinite t.Loss)

        if finite.Length < 5 then
            random space (Key.foldIn attempts.Length key)
        else
            let worst = finite |> List.map _.Loss |> List.max
            let loss t = if Double.IsFinite t.Loss then t.Loss else worst
            let losses = attempts |> List.map loss |> Array.ofList
            let mean = Array.average losses

            let deviation =
                losses
                |> Array.averageBy (fun l -> (l - mean) * (l - mean))
                |> sqrt
                |> max 1e-12

            let place t = space |> List.map (fun s -> toUnit s t.Settings[s.Name])
            let x = Tensor.matrix (attempts |> List.map place)
            let y = Tensor.vector (losses |> Array.map (fun l -> (l - mean) / deviation))
            let width, l, half = fit x y
            let candidates = points space (Key.foldIn attempts.Length key) 2000
            let across = kernel width x (Tensor.matrix candidates)
            let solved = Linalg.solveLower l across
            let expected = Tensor.matmul half solved
            let variance = 1.0 - Tensor.sumOver [ 0 ] (Tensor.square solved)
            let spread = sqrt (Tensor.maximum variance (Tensor.fullLike variance 1e-12))
            let better = Tensor.min y - expected
            let z = better / spread
            let below = 0.5 * (1.0 + Tensor.erf (z / Math.Sqrt 2.0))
            let density = exp (-0.5 * Tensor.square z) / Math.Sqrt(2.0 * Math.PI)
            let improvement = better * below + spread * density
            named space candidates[int (Tensor.toScalar (Tensor.argmax improvement))]

    /// Attempts one after another, without end: each by a step such as <c>next space key</c>.
    [<CompiledName("Attempts")>]
    let attempts
        (step: Attempt list -> Map<string, float>)
        (loss: Map<string, float> -> float)
        : Attempt seq =
        []
        |> Seq.unfold (fun before ->
            let settings = step before

            let attempt =
                { Settings = settings
                  Loss = loss settings }

            Some(attempt, before @ [ attempt ]))
