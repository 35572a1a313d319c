namespace Ad.Functional

open Ad.Tensors

/// Losses, each a mean over all examples. Predictions come first, targets second.
[<RequireQualifiedAccess>]
module Losses =
    let private sameShape name (y: Tensor) (t: Tensor) =
        if y.Shape <> t.Shape then
            Shapes.refuse name $"the predictions are {y.Signature}, but the targets {t.Signature}."

    /// The mean of (y - t)^2.
    [<CompiledName("MeanSquared")>]
    let meanSquared (y: Tensor) (t: Tensor) : Tensor =
        sameShape "meanSquared" y t
        Tensor.mean (Tensor.square (y - t))

    /// The mean of |y - t|; its derivative at y = t is 0.
    [<CompiledName("MeanAbsolute")>]
    let meanAbsolute (y: Tensor) (t: Tensor) : Tensor =
        sameShape "meanAbsolute" y t
        Tensor.mean (abs (y - t))

    /// The mean of -log p[class], with log p = logSoftmax of logits along the last axis; integer classes have the logits' shape without it.
    /// A class that there is no logit for is an error when the value is asked for.
    [<CompiledName("CrossEntropy")>]
    let crossEntropy (logits: Tensor) (classes: Tensor) : Tensor =
        if
            logits.Rank = 0
            || not (classes.DType.IsInteger())
            || not (Seq.forall2 (=) logits.Shape classes.Shape)
            || classes.Rank <> logits.Rank - 1
        then
            Shapes.refuse
                "crossEntropy"
                $"takes logits and one integer class for each row of them, but was given {logits.Signature} and {classes.Signature}."

        let logP = Tensor.logSoftmax -1 logits
        // A negative class is no class from the end, but a mistake: it is moved to where there is none.
        let isNegative = Tensor.less classes (Tensor.zerosLike classes)
        let places = Tensor.where isNegative (classes - logits.Shape[logits.Rank - 1]) classes
        -(Tensor.mean (Tensor.takeAlong -1 (Tensor.expandDims -1 places) logP))

    /// The mean over rows of -sum t log p, with log p = logSoftmax of logits along the last axis, and probabilities t of the logits' shape.
    [<CompiledName("CrossEntropyOf")>]
    let crossEntropyOf (logits: Tensor) (probabilities: Tensor) : Tensor =
        sameShape "crossEntropyOf" logits probabilities
        -(Tensor.mean (Tensor.sumOver [ -1 ] (probabilities * Tensor.logSoftmax -1 logits)))

    /// The mean of -t log s - (1 - t) log(1 - s) with s = sigmoid(z), as softplus(z) - t z: finite for every finite logit.
    [<CompiledName("BinaryCrossEntropy")>]
    let binaryCrossEntropy (logits: Tensor) (targets: Tensor) : Tensor =
        sameShape "binaryCrossEntropy" logits targets
        Tensor.mean (Tensor.softplus logits - targets * logits)

    /// The mean of max(0, 1 - t y) for targets of -1 and 1; its derivative at the corner is 0.
    [<CompiledName("Hinge")>]
    let hinge (y: Tensor) (t: Tensor) : Tensor =
        sameShape "hinge" y t
        Tensor.mean (Tensor.relu (1.0 - t * y))

    /// How many rows of logits have their largest at the class; no derivative.
    [<CompiledName("Correct")>]
    let correct (logits: Tensor) (classes: Tensor) : Tensor =
        Tensor.sum (Tensor.equal (Tensor.argmaxOver [ -1 ] logits) (Tensor.cast DType.Int32 classes))

/// First values of weights. Fan-in and fan-out are the numbers of a unit's inputs and of a layer's outputs.
[<RequireQualifiedAccess>]
module Initializers =
    /// Uniform in [-b, b) with b = sqrt(6 / (fanIn + fanOut)) (Glorot and Bengio 2010, eq. 16).
    [<CompiledName("GlorotUniform")>]
    let glorotUniform (dtype: DType) (fanIn: int) (fanOut: int) (key: Key) (shape: int seq) : Tensor =
        let bound = System.Math.Sqrt(6.0 / float (fanIn + fanOut))
        Random.uniformOf dtype key shape * (2.0 * bound) - bound

    /// Normal with variance 2 / fanIn (He et al. 2015, eq. 10).
    [<CompiledName("HeNormal")>]
    let heNormal (dtype: DType) (fanIn: int) (key: Key) (shape: int seq) : Tensor =
        Random.normalOf dtype key shape * System.Math.Sqrt(2.0 / float fanIn)

    /// Normal with variance 1 / fanIn (LeCun et al. 1998).
    [<CompiledName("LecunNormal")>]
    let lecunNormal (dtype: DType) (fanIn: int) (key: Key) (shape: int seq) : Tensor =
        Random.normalOf dtype key shape * System.Math.Sqrt(1.0 / float fanIn)
