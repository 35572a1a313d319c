namespace Ad.Functional

open Ad.Tensors

/// <summary>A function of a batch taken by parts, one after another, so that only one part's values are kept at a time: gradients of large batches in little memory.</summary>
/// <remarks>Axis 0 of every tensor of the batch goes over the examples, and its size must be a multiple of the part's.</remarks>
[<RequireQualifiedAccess>]
module Microbatch =
    let private over (size: int) (f: 'x -> 'y) (join: Tensor -> Tensor) (batch: 'x) : 'y =
        let named = Tree.named batch

        if size < 1 || named.Length = 0 then
            Shapes.refuse "microbatch" $"cannot take {named.Length} tensors by parts of {size} examples."

        let count =
            if (snd named[0]).Rank = 0 then
                0
            else
                (snd named[0]).Shape[0]

        for path, t in named do
            if t.Rank = 0 || t.Shape[0] <> count || count % size <> 0 then
                Shapes.refuse
                    "microbatch"
                    ($"{path} {t.Signature}".Trim()
                     + $" is not made of parts of {size} of the batch's {count} examples.")

        let parts =
            Tree.map
                (fun (t: Tensor) -> Tensor.reshape (Seq.append [ count / size; size ] (Seq.skip 1 t.Shape)) t)
                batch

        let _, all = scan (fun () part -> (), f part) () parts
        Tree.map join all

    /// The mean of f over the parts of a batch: f of the whole, where f is a mean over examples.
    [<CompiledName("Mean")>]
    let mean (size: int) (f: 'x -> 'y) (batch: 'x) : 'y = over size f (Tensor.meanOver [ 0 ]) batch

    /// The sum of f over the parts of a batch: f of the whole, where f is a sum over examples.
    [<CompiledName("Sum")>]
    let sum (size: int) (f: 'x -> 'y) (batch: 'x) : 'y = over size f (Tensor.sumOver [ 0 ]) batch

    /// The results of f for the parts of a batch, one after another along axis 0: f of the whole, where f gives a row an example.
    [<CompiledName("Concat")>]
    let concat (size: int) (f: 'x -> 'y) (batch: 'x) : 'y =
        let joined (t: Tensor) =
            if t.Rank < 2 then
                Shapes.refuse "microbatch" "a result has no axis of examples to join along."

            Tensor.reshape (Seq.append [ t.Shape[0] * t.Shape[1] ] (Seq.skip 2 t.Shape)) t

        over size f joined batch
