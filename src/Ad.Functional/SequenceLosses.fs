namespace Ad.Functional

open Ad.Tensors

/// Losses of sequences whose alignment is not known.
[<RequireQualifiedAccess>]
module SequenceLosses =
    // The logarithm of a probability of nothing, finite so that no derivative is NaN.
    [<Literal>]
    let private Never = -1e30

    let private either (a: Tensor) (b: Tensor) = Stats.logAddExp a b

    /// <summary>
    /// Connectionist temporal classification (Graves et al. 2006): the mean over examples of -log of the probability that frames, each with a class
    /// or a blank, become the labels once repeated classes are merged and blanks left out.
    /// </summary>
    /// <param name="blank">The class that stands for no label.</param>
    /// <param name="logits">Examples by frames by classes.</param>
    /// <param name="frames">How many frames count of each example, Int32.</param>
    /// <param name="labels">Examples by places: classes, Int32, at most as many as there are places.</param>
    /// <param name="lengths">How many labels count of each example, Int32.</param>
    /// <remarks>The forward recursion in logarithms. Labels that do not fit into the frames have a loss of about 1e30.</remarks>
    [<CompiledName("Ctc")>]
    let ctc (blank: int) (logits: Tensor) (frames: Tensor) (labels: Tensor) (lengths: Tensor) : Tensor =
        let isCount (t: Tensor) = t.DType = DType.Int32 && t.Rank = 1 && t.Shape[0] = logits.Shape[0]

        if
            logits.Rank <> 3
            || labels.Rank <> 2
            || labels.DType <> DType.Int32
            || labels.Shape[0] <> logits.Shape[0]
            || not (isCount frames && isCount lengths)
            || blank < 0
            || blank >= logits.Shape[2]
            || logits.Shape[1] = 0
        then
            Shapes.refuse
                "ctc"
                $"takes logits of examples by frames by classes, among them the blank {blank}, frames, labels of examples by places and lengths, but was given {logits.Signature}, {frames.Signature}, {labels.Signature} and {lengths.Signature}."

        let examples, places = labels.Shape[0], labels.Shape[1]
        let count = logits.Shape[1]
        let size = 2 * places + 1
        let blanks n = Tensor.full DType.Int32 [ examples; n ] (float blank)

        let paired =
            Tensor.stack -1 [ blanks places; labels ]
            |> Tensor.reshape [ examples; 2 * places ]
        // A blank before, between and after all labels.
        let symbols = Tensor.concat 1 [ paired; blanks 1 ]

        let emitted =
            Tensor.logSoftmax -1 logits
            |> Tensor.takeAlong
                -1
                (Tensor.broadcastTo [ examples; count; size ] (Tensor.expandDims 1 symbols))

        let shifted (fill: float) by (t: Tensor) =
            let by = min by size

            Tensor.concat
                1
                [ Tensor.full t.DType [ examples; by ] fill
                  Tensor.sliceAxis 1 0 (size - by) 1 t ]

        // A blank may be left out between two labels that differ.
        let maySkip =
            Tensor.logicalAnd
                (Tensor.notEqual symbols (blanks size))
                (Tensor.notEqual symbols (shifted -1.0 2 symbols))

        let isStart = Tensor.less (Tensor.arange DType.Int32 size) (Tensor.scalar 2)
        let frame t = Tensor.squeeze [ 1 ] (Tensor.sliceAxis 1 t (t + 1) 1 emitted)
        let low = Tensor.fullLike (frame 0) Never
        let start = Tensor.where isStart (frame 0) low

        let step (alpha: Tensor, t: Tensor) (now: Tensor) =
            let stay = either alpha (shifted Never 1 alpha)
            let skip = Tensor.where maySkip (shifted Never 2 alpha) low
            let next = either stay skip + now
            let counts = Tensor.expandDims 1 (Tensor.less t frames)
            (Tensor.where (Tensor.broadcastTo [ examples; size ] counts) next alpha, t + 1), ()

        let rest = Tensor.permute [ 1; 0; 2 ] (Tensor.sliceAxis 1 1 count 1 emitted)

        let alpha =
            if count = 1 then
                start
            else
                scan step (start, Tensor.scalar 1) rest |> fst |> fst

        let at place = Tensor.takeAlong 1 (Tensor.expandDims 1 place) alpha |> Tensor.squeeze [ 1 ]
        let zero = Tensor.zerosLike lengths
        let isEmpty = Tensor.equal lengths zero
        let onLabel = at (Tensor.maximum (2 * lengths - 1) zero)
        let onLabel = Tensor.where isEmpty (Tensor.fullLike onLabel Never) onLabel
        -(Tensor.mean (either (at (2 * lengths)) onLabel))
