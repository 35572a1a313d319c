/// Bundle adjustment: what cameras see of points, less what they were found to see, and the sparse Jacobian of it.
module GradBench.Ba

open Ad.Functional

let private cross (a: Tensor list) (b: Tensor list) =
    [ a[1] * b[2] - a[2] * b[1]
      a[2] * b[0] - a[0] * b[2]
      a[0] * b[1] - a[1] * b[0] ]

let private dot (a: Tensor list) (b: Tensor list) = List.map2 (*) a b |> List.reduce (+)

// A vector turned by an angle and about an axis, which are the length and the direction of another; by Rodrigues' formula.
let private rotate r v =
    let squared = dot r r
    let isZero = Tensor.equal squared (Tensor.zerosLike squared)
    // At 0 the other branch counts, but this one must have finite derivatives too.
    let angle = sqrt (Tensor.where isZero (Tensor.onesLike squared) squared)
    let axis = r |> List.map (fun r -> r / angle)
    let cosine, along = cos angle, dot axis v * (1.0 - cos angle)

    let turned =
        List.map3 (fun v side axis -> v * cosine + side * sin angle + axis * along) v (cross axis v) axis

    let small = List.map2 (+) v (cross r v)
    List.map2 (Tensor.where isZero) small turned

/// The weighted error of an observation at feat: two numbers, of the 15 of a camera, a point and the weight.
let residual (feat: Tensor) (x: Tensor list) =
    let part first last = [ for i in first..last -> x[i] ]
    let r, centre, point = part 0 2, part 3 5, part 11 13

    match rotate r (List.map2 (-) point centre) with
    | [ px; py; pz ] ->
        let e = [ px / pz; py / pz ]
        let s = dot e e
        let distortion = 1.0 + x[9] * s + x[10] * s * s
        let error e principal feat = x[14] * (x[6] * distortion * e + principal - feat)
        Tensor.stack 0 [ error e[0] x[7] feat[0]; error e[1] x[8] feat[1] ]
    | _ -> invalidOp "A point has three coordinates."

/// The error of a weight.
let weightError (w: Tensor) = 1.0 - w * w

/// The observations: how many cameras and points there are, all of them row by row, the weights, and what was seen.
type Input =
    { N: int
      M: int
      Cameras: float array
      Points: float array
      Weights: float array
      Features: float array }

let private replicate count (item: float array) = Array.init count (fun _ -> item) |> Array.concat

let private read json =
    let n, m, p = Read.int "n" json, Read.int "m" json, Read.int "p" json
    let numbers name = Read.numbers (Read.field name json)

    { N = n
      M = m
      Cameras = replicate n (numbers "cam")
      Points = replicate m (numbers "x")
      Weights = replicate p [| Read.float "w" json |]
      Features = replicate p (numbers "feat") }

// The rows of a matrix.
let private numbersOf (x: Tensor) = [ for i in 0 .. x.Shape[0] - 1 -> x[i] ]

// A function of all observations: observation i is of camera i mod n and point i mod m.
let private program input f =
    let p = input.Weights.Length
    let index size = Tensor.vector [| for i in 0 .. p - 1 -> i % size |]
    let cameras, points = Tensor.eval (index input.N, index input.M)

    // One column an observation, so that each of the 15 numbers lies in a row.
    let all (cameras, points, seenBy, seen, weights: Tensor, features) =
        let numbers index rows = numbersOf (Tensor.take 1 index (Tensor.transpose rows))
        let x = numbers seenBy cameras @ numbers seen points @ [ weights ]
        f (x, features, weights) (seenBy, seen)

    let f = jit all

    fun () ->
        f (
            Tensor.ofArray [ input.N; 11 ] input.Cameras,
            Tensor.ofArray [ input.M; 3 ] input.Points,
            cameras,
            points,
            Tensor.vector input.Weights,
            Tensor.ofArray [ p; 2 ] input.Features
        )
        |> Tensor.eval

/// The errors of all observations, then those of all weights.
let private objective input =
    program input (fun (x, features, weights) _ ->
        vmapAxes (List.replicate 16 (Some 0)) 0 (fun (x, feat) -> residual feat x) (x, features),
        vmap weightError weights)

/// A matrix in compressed sparse rows: where each row begins, the column of each element, and its value.
type Sparse =
    { Rows: Tensor
      Columns: Tensor
      Values: Tensor }

// The two rows of an observation: its pullback along each of the two errors.
let private rows (x: Tensor list, feat: Tensor) =
    let _, pullback = Reverse.vjp (residual feat) x
    let unit = Tensor.eye Float64 2
    Tensor.stack 0 (pullback unit[0] @ pullback unit[1])

// The columns of both rows: those of the camera, of the point, and of the weight.
let private columns input (seenBy: Tensor, seen: Tensor, i: Tensor) =
    let camera, point = 11 * seenBy, 11 * input.N + 3 * seen

    let row =
        [ for j in 0..10 -> camera + j ]
        @ [ for j in 0..2 -> point + j ]
        @ [ i + (11 * input.N + 3 * input.M) ]

    Tensor.stack 0 (row @ row)

/// The Jacobian: that of one observation, mapped over all of them, and of each weight's error.
let private jacobian input =
    let p = input.Weights.Length
    let arange count = Tensor.arange Int32 count

    program input (fun (x, features, weights) (seenBy, seen) ->
        let ofObservations = vmapAxes (List.replicate 16 (Some 0)) 0 rows (x, features)
        let columnsOf = vmap (columns input) (seenBy, seen, arange p)
        let ofWeights = arange p + (11 * input.N + 3 * input.M)

        { Rows = Tensor.concat 0 [ 15 * arange (2 * p); 30 * p + arange (p + 1) ]
          Columns = Tensor.concat 0 [ Tensor.flatten columnsOf; ofWeights ]
          Values = Tensor.concat 0 [ Tensor.flatten ofObservations; vmap (grad weightError) weights ] })

let private writeErrors (errors: Tensor, weights: Tensor) =
    let first = Tensor.toArray<float> errors[0]

    box
        {| reproj_error =
            {| elements = first
               repeated = errors.Shape[0] |}
           w_err =
            {| element = Tensor.toScalar weights[0]
               repeated = weights.Shape[0] |} |}

let private writeSparse sparse =
    let ends (xs: 'a array) = Array.append (Array.truncate 30 xs) [| Array.last xs |]

    box
        {| rows = ends (Tensor.toArray<int> sparse.Rows)
           cols = ends (Tensor.toArray<int> sparse.Columns)
           vals = ends (Tensor.toArray<float> sparse.Values) |}

let evaluation =
    { Name = "ba"
      Functions =
        Map
            [ "objective", Evaluation.functionOf read objective writeErrors
              "jacobian", Evaluation.functionOf read jacobian writeSparse ] }
