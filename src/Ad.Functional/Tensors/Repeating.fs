namespace Ad.Functional

open Ad.Tensors

/// <summary>Elements moved round, repeated and spread, within the module of functions on tensors.</summary>
[<AutoOpen>]
module TensorRepeating =
    /// <summary>Tensors rolled, tiled and dilated.</summary>
    [<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
    module Tensor =
        /// <summary>Elements so many places apart along each axis, with zeros between them; a slice with these steps takes them out again.</summary>
        /// <exception cref="T:System.ArgumentException">There is not a number of at least 1 for each axis.</exception>
        let dilate (factors: int seq) (t: Tensor) =
            let factors = Seq.toArray factors

            if factors.Length <> t.Rank || Array.exists (fun n -> n < 1) factors then
                Shapes.refuse
                    "dilate"
                    $"takes a number of at least 1 for each axis of {t.Signature}, but was given {axesOf factors}."

            let none = axesOf (Array.create t.Rank 0)
            Tensor.Create(Pad(none, none, axesOf (Array.map (fun n -> n - 1) factors)), t)

        /// The elements moved along an axis by a number of places, those that fall off the end put in at the start.
        let roll (axis: int) (places: int) (t: Tensor) =
            let axis = Shapes.axis "roll" t.Rank axis
            let n = t.Shape[axis]

            match (if n = 0 then 0 else ((places % n) + n) % n) with
            | 0 -> t
            | k ->
                Tensor.concat
                    axis
                    [ Tensor.sliceAxis axis (n - k) n 1 t; Tensor.sliceAxis axis 0 (n - k) 1 t ]

        /// Each element as many times in a row along an axis.
        let repeat (axis: int) (times: int) (t: Tensor) =
            let axis = Shapes.axis "repeat" t.Rank axis
            let before, after = Seq.take (axis + 1) t.Shape, Seq.skip (axis + 1) t.Shape

            Tensor.reshape (Seq.concat [ before; Seq.singleton 1; after ]) t
            |> Tensor.broadcastTo (Seq.concat [ before; Seq.singleton times; after ])
            |> Tensor.reshape (t.Shape |> Seq.mapi (fun a n -> if a = axis then n * times else n))

        /// The whole tensor as many times along each axis. Fewer numbers are those of the last axes, more make new axes in front, as in NumPy.
        let tile (times: int seq) (t: Tensor) =
            let times = Seq.toArray times

            if Array.exists (fun n -> n < 0) times then
                Shapes.refuse "tile" $"the numbers {axesOf times} for {t.Signature} are not all at least 0."

            let t =
                if times.Length <= t.Rank then
                    t
                else
                    Tensor.reshape (Seq.append (Seq.replicate (times.Length - t.Rank) 1) t.Shape) t

            let times = Array.append (Array.create (t.Rank - times.Length) 1) times

            Array.indexed times
            |> Array.fold
                (fun (t: Tensor) (axis, n) ->
                    let before, after = Seq.take axis t.Shape, Seq.skip axis t.Shape

                    Tensor.reshape (Seq.concat [ before; Seq.singleton 1; after ]) t
                    |> Tensor.broadcastTo (Seq.concat [ before; Seq.singleton n; after ])
                    |> Tensor.reshape (
                        t.Shape |> Seq.mapi (fun a size -> if a = axis then size * n else size)
                    ))
                t
