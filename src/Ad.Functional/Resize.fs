namespace Ad.Functional

open System
open Ad.Tensors

/// How what lies between elements is found.
[<RequireQualifiedAccess>]
type Interpolation =
    /// The element whose cell it lies in.
    | Nearest
    /// The line between its two neighbours; the outermost elements go on.
    | Linear
    /// The cubic of Keys (1981) of its four neighbours, with his a: -1/2 restores parabolas, -3/4 is PyTorch's; the outermost elements go on.
    | Cubic of A: float

/// <summary>Images of other sizes, by weights of their elements along one axis after another: linear, with derivatives of every order.</summary>
/// <remarks>
/// An element is a cell, and cells of both sizes cover the same: element i of n' lies at (i + 1/2) n / n' - 1/2 of n; nothing is smoothed before it is made
/// smaller. PyTorch's interpolate has these places and weights.
/// </remarks>
[<RequireQualifiedAccess>]
module Resize =
    /// The neighbours of a place, with their weights.
    let private neighbours kind (place: float) =
        let below = Math.Floor place
        let share = place - below
        let at = int below

        let cubic a d =
            let d = abs d

            if d <= 1.0 then ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0
            elif d < 2.0 then a * (((d - 5.0) * d + 8.0) * d - 4.0)
            else 0.0

        match kind with
        | Interpolation.Nearest -> [ at, 1.0 ]
        | Interpolation.Linear -> [ at, 1.0 - share; at + 1, share ]
        | Interpolation.Cubic a -> [ for k in -1 .. 2 -> at + k, cubic a (share - float k) ]

    /// The weights of n elements in each of as many others: a matrix.
    let private weights dtype kind (n: int) (count: int) (place: int -> float) =
        let table = Array.zeroCreate<float>(count * n)

        for i in 0 .. count - 1 do
            for element, weight in neighbours kind (place i) do
                let element = Math.Clamp(element, 0, n - 1)
                table[i * n + element] <- table[i * n + element] + weight

        Tensor.ofArray [ count; n ] table |> Tensor.cast dtype

    let private along name kind (toEnds: bool) axis (count: int) (x: Tensor) =
        let n = x.Shape[axis]

        if n = 0 || count < 1 then
            Shapes.refuse name $"cannot make {count} elements of the {n} along axis {axis} of {x.Signature}."

        if n = count then
            x
        else
            let place i =
                match kind with
                | Interpolation.Nearest -> float (int64 i * int64 n / int64 count)
                | _ when toEnds ->
                    if count = 1 then
                        0.0
                    else
                        float i * float (n - 1) / float (count - 1)
                | Interpolation.Linear -> max 0.0 ((float i + 0.5) * float n / float count - 0.5)
                | Interpolation.Cubic _ -> (float i + 0.5) * float n / float count - 0.5

            Tensor.matmul (Tensor.moveAxis axis -1 x) (Tensor.transpose (weights x.DType kind n count place))
            |> Tensor.moveAxis -1 axis

    let private over name kind toEnds (sizes: int list) (x: Tensor) =
        if not (x.DType.IsFloat()) || sizes.Length > x.Rank then
            Shapes.refuse
                name
                $"takes floats with {sizes.Length} axes to change, but was given {x.Signature}."

        sizes
        |> List.indexed
        |> List.fold (fun x (i, size) -> along name kind toEnds (x.Rank - sizes.Length + i) size x) x

    /// <summary>The last axes in these sizes.</summary>
    /// <exception cref="T:System.ArgumentException">A size is below 1, or there are not as many axes of floats.</exception>
    let into (kind: Interpolation) (sizes: int list) (x: Tensor) : Tensor = over "resize" kind false sizes x

    /// <summary>The last axes in these sizes, with the first and last elements where they were (align_corners): element i of n' lies at i (n - 1) / (n' - 1).</summary>
    /// <exception cref="T:System.ArgumentException">A size is below 1, or there are not as many axes of floats.</exception>
    let endToEnd (kind: Interpolation) (sizes: int list) (x: Tensor) : Tensor =
        over "resize" kind true sizes x
