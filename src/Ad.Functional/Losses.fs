namespace Ad.Functional

open Ad.Tensors

/// Losses, each a mean over all examples; <c>perExample</c> and <c>weighted</c> take them apart. Predictions come first, targets second.
[<RequireQualifiedAccess>]
module Losses =
    let internal sameShape name (y: Tensor) (t: Tensor) =
        if y.Shape <> t.Shape then
            Shapes.refuse name $"the predictions are {y.Signature}, but the targets {t.Signature}."

    /// <summary>
    /// A loss of each example by itself: loss y[i] t[i] along the first axis of what is given, tensors or trees of them. Where a loss is the mean over examples of one size, as all
    /// here are that do not compare examples with each other, the mean of this is the loss.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The first axes differ, or the loss does not take an example without its axis.</exception>
    let perExample (loss: 'y -> 't -> Tensor) (y: 'y) (t: 't) : Tensor = vmap (fun (y, t) -> loss y t) (y, t)

    /// <summary>The mean of a loss over examples that weigh differently, sum w l / sum w with l = perExample loss y t; NaN where all weights are 0. A weight of 2 is an example that comes twice.</summary>
    /// <exception cref="T:System.ArgumentException">There is not one weight for each example.</exception>
    let weighted (weights: Tensor) (loss: 'y -> 't -> Tensor) (y: 'y) (t: 't) : Tensor =
        let each = perExample loss y t

        if weights.Shape <> each.Shape then
            Shapes.refuse
                "weighted"
                $"takes a weight for each example, but was given {weights.Signature} for {each.Signature}."

        let weights = Tensor.cast each.DType weights
        Tensor.sum (weights * each) / Tensor.sum weights

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

    /// Half the mean of (y - t)^2, whose derivative is the error.
    [<CompiledName("HalfSquared")>]
    let halfSquared (y: Tensor) (t: Tensor) : Tensor = 0.5 * meanSquared y t

    /// The mean of Huber's loss (1964): e^2 / 2 for errors up to delta, delta (|e| - delta / 2) beyond.
    [<CompiledName("Huber")>]
    let huber (delta: float) (y: Tensor) (t: Tensor) : Tensor =
        sameShape "huber" y t
        Updates.within "huber" "delta" 0.0 infinity delta
        let e = y - t
        // The square has its second derivative at 0, which that of |e| would lack.
        let isNear = Tensor.lessEqual (abs e) (Tensor.fullLike e delta)
        Tensor.mean (Tensor.where isNear (0.5 * Tensor.square e) (delta * (abs e - 0.5 * delta)))

    /// The mean of log cosh(y - t), as softplus(2 e) - e - log 2: finite for every finite error.
    [<CompiledName("LogCosh")>]
    let logCosh (y: Tensor) (t: Tensor) : Tensor =
        sameShape "logCosh" y t
        let e = y - t
        Tensor.mean (e + Tensor.softplus (-2.0 * e) - System.Math.Log 2.0)

    /// The mean over rows of 1 - y.t / (|y| |t|), along the last axis; a vector of zeros is at distance 1 from all.
    [<CompiledName("CosineDistance")>]
    let cosineDistance (y: Tensor) (t: Tensor) : Tensor =
        sameShape "cosineDistance" y t
        let over = Tensor.sumOver [ -1 ]
        let norms = Tensor.multiply (over (Tensor.square y)) (over (Tensor.square t))
        let isZero = Tensor.equal norms (Tensor.zerosLike norms)
        let safe = sqrt (Tensor.where isZero (Tensor.onesLike norms) norms)

        1.0
        - Tensor.mean (Tensor.where isZero (Tensor.zerosLike norms) (over (y * t) / safe))

    /// 1 where each row's class is, 0 elsewhere.
    let internal rowsAndClasses name (logits: Tensor) (classes: Tensor) =
        if
            logits.Rank = 0
            || not (classes.DType.IsInteger())
            || classes.Rank <> logits.Rank - 1
            || not (Seq.forall2 (=) logits.Shape classes.Shape)
        then
            Shapes.refuse
                name
                $"takes scores and one integer class for each row of them, but was given {logits.Signature} and {classes.Signature}."

        Tensor.oneHot logits.DType logits.Shape[logits.Rank - 1] classes

    /// The mean over rows of max(0, 1 + the best score of another class - the class's own) (Crammer and Singer 2001).
    [<CompiledName("MulticlassHinge")>]
    let multiclassHinge (scores: Tensor) (classes: Tensor) : Tensor =
        let isOwn = rowsAndClasses "multiclassHinge" scores classes
        let own = Tensor.sumOver [ -1 ] (scores * isOwn)

        let others =
            Tensor.where
                (Tensor.greater isOwn (Tensor.zerosLike isOwn))
                (Tensor.fullLike scores -infinity)
                scores

        Tensor.mean (Tensor.relu (1.0 + Tensor.maxOver [ -1 ] others - own))

    /// The mean of max(0, -t y) for targets of -1 and 1 (Rosenblatt 1958): its descent adds or takes the inputs of the misclassified.
    [<CompiledName("Perceptron")>]
    let perceptron (y: Tensor) (t: Tensor) : Tensor =
        sameShape "perceptron" y t
        Tensor.mean (Tensor.relu (-(t * y)))

    /// The mean over rows of -log p[class], where log p is given.
    [<CompiledName("NegativeLogLikelihood")>]
    let negativeLogLikelihood (logP: Tensor) (classes: Tensor) : Tensor =
        let isOwn = rowsAndClasses "negativeLogLikelihood" logP classes
        let zero = Tensor.zerosLike logP
        -(Tensor.mean (Tensor.sumOver [ -1 ] (Tensor.where (Tensor.greater isOwn zero) logP zero)))

    /// The mean of the focal loss (Lin et al. 2017, eq. 5 with gamma): -(1 - p)^gamma log p of the right answer, from logits and targets of 0 and 1.
    [<CompiledName("Focal")>]
    let focal (gamma: float) (logits: Tensor) (targets: Tensor) : Tensor =
        sameShape "focal" logits targets
        let entropy = Tensor.softplus logits - targets * logits
        let p = Tensor.sigmoid logits
        let wrong = p + targets - 2.0 * (p * targets)
        Tensor.mean (entropy * Tensor.Pow(wrong, Tensor.fullLike wrong gamma))

    /// The mean over rows of cross-entropy plus epsilon (1 - p) of the right class (Leng et al. 2022, Poly-1).
    [<CompiledName("Poly")>]
    let poly (epsilon: float) (logits: Tensor) (probabilities: Tensor) : Tensor =
        sameShape "poly" logits probabilities
        let right = Tensor.sumOver [ -1 ] (probabilities * Tensor.softmax -1 logits)
        crossEntropyOf logits probabilities + epsilon * Tensor.mean (1.0 - right)

    /// The mean over rows of the divergence of Kullback and Leibler (1951), sum t (log t - log p), from log p and probabilities t; 0 log 0 is 0.
    [<CompiledName("KullbackLeibler")>]
    let kullbackLeibler (logP: Tensor) (t: Tensor) : Tensor =
        sameShape "kullbackLeibler" logP t
        let isZero = Tensor.lessEqual t (Tensor.zerosLike t)
        let logT = log (Tensor.where isZero (Tensor.onesLike t) t)
        Tensor.mean (Tensor.sumOver [ -1 ] (Tensor.where isZero (Tensor.zerosLike t) (t * (logT - logP))))

    /// The mean over rows of sum t (log t - log p) + p - t, from log p and any t of at least 0: convex in p and t, and 0 where they are equal (Csiszár 1975).
    [<CompiledName("GeneralizedKullbackLeibler")>]
    let generalizedKullbackLeibler (logP: Tensor) (t: Tensor) : Tensor =
        kullbackLeibler logP t + Tensor.mean (Tensor.sumOver [ -1 ] (exp logP - t))

    /// The mean over rows of the best score less the class's own (Rosenblatt's perceptron for several classes): 0 where the class wins.
    [<CompiledName("MulticlassPerceptron")>]
    let multiclassPerceptron (scores: Tensor) (classes: Tensor) : Tensor =
        let isOwn = rowsAndClasses "multiclassPerceptron" scores classes
        Tensor.mean (Tensor.maxOver [ -1 ] scores - Tensor.sumOver [ -1 ] (scores * isOwn))

    /// <summary>The mean over rows of conjugate(z) - t.z, for scores z, targets t and a convex function of each row (Blondel, Martins and Niculae 2020).</summary>
    /// <remarks>Its gradient is conjugate's, a prediction, less t. With logSumExp it is cross-entropy, with max the perceptron.</remarks>
    [<CompiledName("FenchelYoung")>]
    let fenchelYoung (conjugate: Tensor -> Tensor) (scores: Tensor) (targets: Tensor) : Tensor =
        sameShape "fenchelYoung" scores targets
        Tensor.mean (conjugate scores - Tensor.sumOver [ -1 ] (scores * targets))

    /// The mean over rows of sparsemax's loss, (1 + |z|^2 - |z - p|^2) / 2 - z[class] with p = sparsemax z (Martins and Astudillo 2016), whose gradient is p less one-hot:
    /// 0 once the class leads by 1.
    [<CompiledName("Sparsemax")>]
    let sparsemax (logits: Tensor) (classes: Tensor) : Tensor =
        let isOwn = rowsAndClasses "sparsemax" logits classes

        let conjugate (z: Tensor) =
            let p = Projections.simplex z
            // The conjugate of |p|^2 / 2 - 1 / 2 on the simplex.
            Tensor.sumOver [ -1 ] (p * z - 0.5 * Tensor.square p) + 0.5

        fenchelYoung conjugate logits isOwn

    /// <summary>
    /// Among all pairs of rows with the same label, the mean of -log of the pair's share among itself and the pairs of the first row with other labels, by
    /// cosine similarity over a temperature (Chen et al. 2020, NT-Xent).
    /// </summary>
    [<CompiledName("NtXent")>]
    let ntXent (temperature: float) (embeddings: Tensor) (labels: Tensor) : Tensor =
        if
            embeddings.Rank <> 2
            || labels.Rank <> 1
            || labels.Shape[0] <> embeddings.Shape[0]
        then
            Shapes.refuse
                "ntXent"
                $"takes a row for each label, but was given {embeddings.Signature} and {labels.Signature}."

        let n = labels.Shape[0]
        let unit = embeddings * Tensor.rsqrt (Tensor.sumKeep [ -1 ] (Tensor.square embeddings))
        let s = Tensor.matmul unit (Tensor.transpose unit) / temperature
        let isSame = Tensor.equal (Tensor.expandDims 0 labels) (Tensor.expandDims 1 labels)
        let isOther = Tensor.logicalNot isSame
        let isSelf = Tensor.equal (Tensor.eye DType.Int32 n) (Tensor.ones DType.Int32 [ n; n ])
        let isPair = Tensor.logicalAnd isSame (Tensor.logicalNot isSelf)
        // Scores so low that they weigh nothing stand for pairs that do not count.
        let among = Tensor.where isOther s (Tensor.fullLike s -1e30)
        let others = Tensor.logSumExpKeep [ 1 ] among
        let both = Stats.logAddExp s others
        let count = Tensor.maximum (Tensor.sum (Tensor.cast s.DType isPair)) (Tensor.ones s.DType [])
        Tensor.sum (Tensor.where isPair (both - s) (Tensor.zerosLike s)) / count

    /// Probabilities mixed with the uniform ones: (1 - alpha) t + alpha / classes (Szegedy et al. 2016).
    [<CompiledName("SmoothLabels")>]
    let smoothLabels (alpha: float) (probabilities: Tensor) : Tensor =
        Updates.within "smoothLabels" "alpha" 0.0 1.0 alpha

        (1.0 - alpha) * probabilities
        + alpha / float probabilities.Shape[probabilities.Rank - 1]

    /// The mean over rows of 1 - (2 sum p t + smoothing) / (sum p + sum t + smoothing), along the last axis (Milletari et al. 2016, here without squares).
    [<CompiledName("Dice")>]
    let dice (smoothing: float) (p: Tensor) (t: Tensor) : Tensor =
        sameShape "dice" p t
        let over = Tensor.sumOver [ -1 ]

        1.0
        - Tensor.mean ((2.0 * over (p * t) + smoothing) / (over p + over t + smoothing))

    /// The mean over rows of max(0, |a - p| - |a - n| + margin): an anchor nearer to its like than to another (Schroff et al. 2015, with distances rather than
    /// their squares); the distance of equal vectors has derivative 0.
    [<CompiledName("Triplet")>]
    let triplet (margin: float) (anchor: Tensor) (positive: Tensor) (negative: Tensor) : Tensor =
        sameShape "triplet" anchor positive
        sameShape "triplet" anchor negative

        let distance (a: Tensor) b =
            let squares = Tensor.sumOver [ -1 ] (Tensor.square (a - b))
            let isZero = Tensor.equal squares (Tensor.zerosLike squares)
            let root = sqrt (Tensor.where isZero (Tensor.onesLike squares) squares)
            Tensor.where isZero (Tensor.zerosLike squares) root

        Tensor.mean (Tensor.relu (distance anchor positive - distance anchor negative + margin))

    /// The cross-entropy of each row's pair among all pairs, both ways round, by cosine similarity over a temperature (van den Oord et al. 2018; Radford et al. 2021):
    /// row i of the one belongs to row i of the other.
    [<CompiledName("Contrastive")>]
    let contrastive (temperature: float) (a: Tensor) (b: Tensor) : Tensor =
        sameShape "contrastive" a b

        if a.Rank <> 2 then
            Shapes.refuse "contrastive" $"takes two matrices, but was given {a.Signature}."

        let unit (x: Tensor) = x * Tensor.rsqrt (Tensor.sumKeep [ -1 ] (Tensor.square x))
        let logits = Tensor.matmul (unit a) (Tensor.transpose (unit b)) / temperature
        let own = Tensor.arange DType.Int32 a.Shape[0]
        0.5 * (crossEntropy logits own + crossEntropy (Tensor.transpose logits) own)

    /// The mean over rows of -sum t log softmax(scores) with relevances t scaled to a sum of 1 (Cao et al. 2007, ListNet).
    [<CompiledName("RankingSoftmax")>]
    let rankingSoftmax (scores: Tensor) (relevances: Tensor) : Tensor =
        sameShape "rankingSoftmax" scores relevances
        crossEntropyOf scores (relevances / Tensor.sumKeep [ -1 ] relevances)

    /// The student's cross-entropy against the teacher's softened probabilities, times T^2 (Hinton, Vinyals and Dean 2015), so that its gradient by the student's logits is
    /// T (softmax(s / T) - softmax(t / T)) a row.
    [<CompiledName("Distillation")>]
    let distillation (temperature: float) (student: Tensor) (teacher: Tensor) : Tensor =
        sameShape "distillation" student teacher
        let soft = Tensor.softmax -1 (teacher / temperature)
        temperature * temperature * crossEntropyOf (student / temperature) soft

    /// How many rows of logits have their largest at the class; no derivative.
    [<CompiledName("Correct")>]
    let correct (logits: Tensor) (classes: Tensor) : Tensor =
        Tensor.sum (Tensor.equal (Tensor.argmaxOver [ -1 ] logits) (Tensor.cast DType.Int32 classes))
