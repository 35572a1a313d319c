namespace Ad.Functional

open Ad.Tensors

/// <summary>Cotangents through a loop whose steps are counted only as it runs. Blocks of steps are reversed from the last to the first; the state that a
/// block begins with is run to again, from the nearest of those that are kept.</summary>
/// <remarks>
/// Kept is the first state, and halfway between the last kept one and the end another, and so on. That takes few states whatever the number of
/// steps, and runs each step forward again about half as often as the number of blocks has binary digits.
/// </remarks>
[<RequireQualifiedAccess>]
module internal Rewind =
    /// The steps of a block: the states within it are kept while it is reversed.
    [<Literal>]
    let Block = 64

    // Blocks that an int32 of steps makes are halved 25 times at most.
    [<Literal>]
    let private Kept = 27

    let private number (n: int) = Tensor.scalar n
    let private signatures (all: Tensor[]) = all |> Array.map _.Signature

    let private isRow (stack: Tensor) (k: Tensor) =
        let shape = Seq.append [ stack.Shape[0] ] (Seq.replicate (stack.Rank - 1) 1)
        Tensor.equal (Tensor.iota DType.Int32 shape 0) k

    let private put (stack: Tensor) k (t: Tensor) = Tensor.where (isRow stack k) (Tensor.expandDims 0 t) stack
    let private at (stack: Tensor) (k: Tensor) = Tensor.take 0 k stack
    let private keep (t: Tensor) = put (Tensor.zeros t.DType (Seq.append [ Kept ] t.Shape)) (number 0) t

    /// One function or the other of the operands.
    let private branch condition (f: Tensor[] -> Tensor[]) (g: Tensor[] -> Tensor[]) (operands: Tensor[]) =
        let body, captured = Body.trace (signatures operands) (fun p -> Array.append (f p) (g p))
        Cond.Run(body, condition, Array.append operands captured)

    /// A block of steps from a state, of which only so many are made, as a scan: the carries that are asked for.
    let private block (step: Tensor[] -> Tensor[]) (limit: Tensor) carries (results: int[]) (x: Tensor[]) =
        let operands = Array.append [| number 0 |] x

        let body, captured =
            Body.trace (signatures operands) (fun p ->
                let next = branch (Tensor.less p[0] limit) step (Array.take carries) (Array.tail p)
                Array.append [| p[0] + 1 |] next)

        Scan.Run(
            body,
            Block,
            carries + 1,
            0,
            false,
            Array.append operands captured,
            Array.map ((+) 1) results
        )

    /// <summary>
    /// The cotangents of the moving carries at the start, and of the constants that are wanted, from those of the moving carries at the end.
    /// </summary>
    /// <param name="loop">A loop: condition, step and first state to those of its last carries that are asked for.</param>
    /// <param name="test">The condition, of carries and constants.</param>
    /// <param name="step">The next carries, of carries and constants.</param>
    /// <param name="init">The first carries.</param>
    /// <param name="constants">What stays.</param>
    /// <param name="moving">The numbers of the carries that have cotangents.</param>
    /// <param name="wanted">The numbers of the constants whose cotangents are asked for.</param>
    /// <param name="finals">The moving carries' cotangents at the end.</param>
    let pull
        (loop: (Tensor[] -> Tensor) -> (Tensor[] -> Tensor[]) -> Tensor[] -> int[] -> Tensor[])
        (test: Tensor[] -> Tensor)
        (step: Tensor[] -> Tensor[])
        (init: Tensor[])
        (constants: Tensor[])
        (moving: int[])
        (wanted: int[])
        (finals: Tensor[])
        : Tensor[] * Tensor[] =
        let carries = init.Length
        let withConstants state = Array.append state constants

        let steps =
            loop
                (fun s -> test (withConstants (Array.tail s)))
                (fun s -> Array.append [| s[0] + 1 |] (step (withConstants (Array.tail s))))
                (Array.append [| number 0 |] init)
                [| 0 |]
            |> Array.head

        // The state so many steps on.
        let advance (state: Tensor[]) (count: Tensor) =
            loop
                (fun s -> Tensor.less s[0] count)
                (fun s -> Array.append [| s[0] + 1 |] (step (withConstants (Array.tail s))))
                (Array.append [| number 0 |] state)
                (Array.init carries ((+) 1))

        let isWanted =
            Array.init (carries + constants.Length) (fun i ->
                if i < carries then
                    Array.contains i moving
                else
                    Array.contains (i - carries) wanted)

        // Blocks to go, the place of the last kept state, the block that each kept state begins, the kept states, the cotangents so far.
        let parts = [| 1; 1; 1; carries; moving.Length; wanted.Length |]
        let starts = Array.scan (+) 0 parts

        let back (s: Tensor[]) =
            let part k = s[starts[k] .. starts[k + 1] - 1]
            let left, top, begins = s[0], s[1], s[2]
            let start = at begins top
            let state = part 3 |> Array.map (fun stack -> at stack top)
            let half = (left - start) / number 2

            let reversed (p: Tensor[]) =
                let state, rest = Array.splitAt carries p
                let seeds, rest = Array.splitAt moving.Length rest
                let sums, rest = Array.splitAt wanted.Length rest
                let held, limit = Array.splitAt constants.Length rest

                let _, pulled =
                    Passes.pull
                        (block step limit[0] carries moving)
                        (Array.append state held)
                        (Array.indexed seeds)
                        isWanted

                Array.append
                    (moving |> Array.map (fun i -> Passes.orZero state[i] pulled[i]))
                    (Array.map2
                        (fun i (sum: Tensor) ->
                            match pulled[carries + i] with
                            | Some g -> sum + g
                            | None -> sum)
                        wanted
                        sums)

            let limit = Tensor.minimum (number Block) (steps - start * Block)
            let held = Array.concat [ state; part 4; part 5; constants; [| limit |] ]
            let isLast = Tensor.less half (number 1)

            let found =
                branch
                    isLast
                    reversed
                    (fun p -> p[carries .. carries + moving.Length + wanted.Length - 1])
                    held

            let here = advance state (half * Block)
            let onto = top + 1

            let stack old value = Tensor.where isLast old (put old onto value)

            Array.concat
                [ [| Tensor.where isLast (left - 1) left
                     Tensor.where isLast (Tensor.maximum (top - 1) (number 0)) onto
                     stack begins (start + half) |]
                  Array.map2 stack (part 3) here
                  found ]

        let sums = wanted |> Array.map (fun i -> Tensor.zerosLike constants[i])
        let blocks = (steps + (Block - 1)) / number Block

        let first =
            Array.concat
                [ [| blocks; number 0; Tensor.zeros DType.Int32 [ Kept ] |]
                  Array.map keep init
                  finals
                  sums ]

        let results = [| starts[4] .. first.Length - 1 |]

        loop (fun s -> Tensor.greater s[0] (number 0)) back first results
        |> Array.splitAt moving.Length
