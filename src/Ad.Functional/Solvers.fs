namespace Ad.Functional

open Ad.Tensors

/// <summary>Ways to find the zero of a function, to be given to <c>rootWith</c>, from which derivatives come whatever was done to find it.</summary>
/// <remarks>Each runs as one operation, stops once nothing moves any more, and gives NaN where it finds no zero. Unknowns are trees of one float type.</remarks>
[<RequireQualifiedAccess>]
module Solvers =
    [<Literal>]
    let private Most = 10_000

    let private norm (v: Tensor) = sqrt (Tensor.dot v v)

    let private tolerance (t: Tensor) =
        if t.DType.IsHalf() then 4.0 * t.DType.Epsilon()
        elif t.DType = DType.Float32 then 1e-6
        else 1e-13

    let private isFar (s: Tensor) (before: Tensor) =
        Tensor.greater (norm (s - before)) (tolerance s * (1.0 + norm s))

    let private orNaN (isGood: Tensor) (v: Tensor) = Tensor.where isGood v (Tensor.fullLike v nan)
    let private isBelow (k: Tensor) (most: int) = Tensor.less k (Tensor.scalar most)

    /// A method for vectors as one for trees.
    let private onVectors
        operation
        (solve: (Tensor -> Tensor) -> Tensor -> Tensor)
        (g: 's -> 's)
        (start: 's)
        : 's =
        let vector, back = ravel operation start
        back (solve (fun v -> fst (ravel operation (g (back v)))) vector)

    /// <summary>
    /// Fixed-point iteration s - g s, mixed with so many steps before it so that the residual is least (Anderson 1965; Walker and Ni 2011, second form): in few
    /// steps where the plain iteration takes many, or runs away.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">No step is remembered.</exception>
    let anderson (memory: int) (g: 's -> 's) (start: 's) : 's =
        if memory < 1 then
            Shapes.refuse "anderson" $"remembers at least one step, not {memory}."

        let solve (g: Tensor -> Tensor) (start: Tensor) =
            let n = int start.Count
            let row k = Tensor.equal (Tensor.iota DType.Int32 [ memory; 1 ] 0) k
            let put (rows: Tensor) k (v: Tensor) = Tensor.where (row k) (Tensor.expandDims 0 v) rows
            let none = Tensor.zeros start.DType [ memory; n ]
            let eye = Tensor.eye start.DType memory

            let goesOn (k: Tensor, s: Tensor, _, before: Tensor, _, _) =
                Tensor.logicalAnd (isBelow k Most) (isFar s before)

            let step (k: Tensor, s: Tensor, r: Tensor, before: Tensor, steps: Tensor, changes: Tensor) =
                let now = g s
                let place = k % memory
                let steps, changes = put steps place (s - before), put changes place (now - r)
                let gram = Tensor.matmul changes (Tensor.transpose changes)
                // Rows that are not there yet, or alike, weigh nothing.
                let ridge = 1e-14 * Tensor.trace gram + 1e-300
                let share = Linalg.solve (gram + ridge * eye) (Tensor.matmul changes now)
                k + 1, s - now - Tensor.matmul share (steps - changes), now, s, steps, changes

            let r0 = g start

            let k, s, _, _, _, _ = whileLoop goesOn step (Tensor.scalar 0, start - r0, r0, start, none, none)

            orNaN (isBelow k Most) s

        onVectors "anderson" solve g start

    /// <summary>
    /// Newton's method with the Jacobian of the start alone, its inverse corrected by each step (Broyden 1965, first method): one evaluation a step. As
    /// many equations as unknowns.
    /// </summary>
    let broyden (g: 's -> 's) (start: 's) : 's =
        let solve (g: Tensor -> Tensor) (start: Tensor) =
            let inverse = Linalg.inverse (Forward.jacobian g start)

            let goesOn (k: Tensor, s: Tensor, _, before: Tensor, _) =
                Tensor.logicalAnd (isBelow k Most) (isFar s before)

            let step (k: Tensor, s: Tensor, r: Tensor, before: Tensor, h: Tensor) =
                let now = g s
                let moved, changed = s - before, now - r
                let hChanged, movedH = Tensor.matmul h changed, Tensor.matmul moved h
                let size = Tensor.dot movedH changed
                let isUsable = Tensor.notEqual size (Tensor.zerosLike size)

                let correction =
                    Tensor.outer (moved - hChanged) movedH
                    / Tensor.where isUsable size (Tensor.onesLike size)

                let h = Tensor.where isUsable (h + correction) h
                k + 1, s - Tensor.matmul h now, now, s, h

            let r0 = g start

            let k, s, _, _, _ =
                whileLoop goesOn step (Tensor.scalar 0, start - Tensor.matmul inverse r0, r0, start, inverse)

            orNaN (isBelow k Most) s

        onVectors "broyden" solve g start

    /// <summary>
    /// Halves intervals, each element by itself, until no number lies within: for functions whose elements each depend on their own unknown, and
    /// have different signs at the ends; NaN where they have not. The start is not looked at.
    /// </summary>
    let bisection (low: 's) (high: 's) (g: 's -> 's) (_: 's) : 's =
        let a, back = ravel "bisection" low
        let b, _ = ravel "bisection" high
        let signs v = Tensor.sign (fst (ravel "bisection" (g (back v))))
        let signOfLow, signOfHigh = signs a, signs b
        let zero = Tensor.zerosLike a
        let middle (a: Tensor) (b: Tensor) = a + 0.5 * (b - a)

        let isOpen (a: Tensor) (b: Tensor) =
            let m = middle a b
            Tensor.logicalAnd (Tensor.notEqual m a) (Tensor.notEqual m b)

        let goesOn (k: Tensor, a, b) = Tensor.logicalAnd (isBelow k 2200) (Tensor.any (isOpen a b))

        let step (k: Tensor, a: Tensor, b: Tensor) =
            let m = middle a b
            let s = signs m
            let isLeft = Tensor.equal s signOfLow
            // At a zero both ends go there.
            let isZero = Tensor.equal s zero
            k + 1, Tensor.where (Tensor.logicalOr isLeft isZero) m a, Tensor.where isLeft b m

        let _, left, right = whileLoop goesOn step (Tensor.scalar 0, a, b)
        let isBetween = Tensor.lessEqual (signOfLow * signOfHigh) zero
        // An end that is a zero itself is it.
        let found =
            Tensor.where
                (Tensor.equal signOfLow zero)
                a
                (Tensor.where (Tensor.equal signOfHigh zero) b (middle left right))

        back (orNaN isBetween found)
