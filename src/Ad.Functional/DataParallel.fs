namespace Ad.Functional

open System.Collections.Generic
open Ad.Tensors

/// <summary>The same parameters on several devices, a batch shared out among them, and their gradients added up: one step of each device is a step over the whole batch.</summary>
/// <remarks>
/// A loss that is a mean over examples, each by itself, has on k devices the gradient that it has on one, to rounding; one that looks at the whole batch, as batch
/// normalization does, looks at each device's part. Gradients are added in one order, whichever device is done first, so that all replicas stay the same to the bit.
/// </remarks>
[<RequireQualifiedAccess>]
module DataParallel =
    /// A tree on each device of a group.
    [<CompiledName("Replicate")>]
    let replicate (group: DeviceGroup) (tree: 'T) : 'T[] =
        [| for device in group.Devices -> tree |> Tree.map (Tensor.onDevice device) |> Tree.eval |]

    /// <summary>A batch's parts, one on each device, with the share of the examples that each has: n / k of n examples, some one more.</summary>
    /// <exception cref="T:System.ArgumentException">Axis 0 does not go over the same examples in all tensors, or there are fewer than devices.</exception>
    [<CompiledName("Share")>]
    let share (group: DeviceGroup) (batch: 'B) : ('B * float)[] =
        let devices = group.Devices.Count
        let named = Tree.named batch

        let count =
            if named.Length = 0 || (snd named[0]).Rank = 0 then
                0
            else
                (snd named[0]).Shape[0]

        for path, t in named do
            if t.Rank = 0 || t.Shape[0] <> count then
                Shapes.refuse
                    "share"
                    ($"{path} {t.Signature}".Trim()
                     + $" does not have {count} examples along axis 0.")

        if count < devices then
            Shapes.refuse "share" $"cannot share {count} examples among {devices} devices."

        [| for i in 0 .. devices - 1 ->
               let first, bound = count * i / devices, count * (i + 1) / devices

               let part =
                   Tree.map (Tensor.sliceAxis 0 first bound 1 >> Tensor.onDevice group.Devices[i]) batch

               part, float (bound - first) / float count |]

    /// <summary>Of each device's tree the sum over all devices, on that device; the same bits on all of them.</summary>
    /// <exception cref="T:System.ArgumentException">The trees have tensors of different types or shapes, or other than numbers.</exception>
    [<CompiledName("Sum")>]
    let sum (group: DeviceGroup) (trees: 'T[]) : 'T[] =
        let trees = trees |> Array.map Tree.eval

        let each =
            [| for tree in trees -> Tree.leaves tree |> Array.map Evaluate.value :> IReadOnlyList<Storage> |]

        let sums = group.Sum each
        Array.map2 (fun tree values -> Tree.withLeaves (Array.map Tensor.OfStorage values) tree) trees sums

    /// <summary>A compiled step of an optimizer on all devices: from replicas of parameters and state, and a batch, to the next replicas and the mean loss.</summary>
    /// <remarks>The loss is a mean over examples, along axis 0 of every tensor of the batch. Replicas begin with <c>replicate group (p, optimizer.Init p)</c>.</remarks>
    /// <param name="group">The devices.</param>
    /// <param name="optimizer">How parameters are changed.</param>
    /// <param name="loss">From parameters and examples to their mean loss.</param>
    [<CompiledName("Step")>]
    let step
        (group: DeviceGroup)
        (optimizer: Optimizer<'P, 'S>)
        (loss: 'P -> 'B -> Tensor)
        : ('P * 'S)[] -> 'B -> ('P * 'S)[] * Tensor =
        let local =
            jit (fun (p, batch, weight) ->
                let found = Reverse.valueAndGradient (fun p -> loss p batch) p
                Tree.map (Leaves.times weight) found)

        let advance = jit (fun (g, s, p) -> Optimizer.step optimizer g s p)

        fun replicas batch ->
            let found =
                Array.map2
                    (fun (p, _) (part, weight) -> local (p, part, Tensor.scalar weight))
                    replicas
                    (share group batch)

            let sums = sum group found
            Array.map2 (fun (p, s) (_, g) -> advance (g, s, p)) replicas sums, fst sums[0]
