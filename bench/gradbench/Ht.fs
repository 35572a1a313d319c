/// Hand tracking: the residuals between measured points and a model of a hand in some pose, and their Jacobian.
module GradBench.Ht

open System.Text.Json
open Ad.Functional

/// The hand: the parents of its bones, 4 x 4 transformations of each relative to its parent and from the hand at rest,
/// positions of vertices at rest and how much of each bone's movement they follow, and triangles of vertices.
type Model =
    { Parents: int array
      Relatives: float array array array
      InverseAbsolutes: float array array array
      Positions: float array array
      Weights: float array array
      Triangles: int array array
      IsMirrored: bool }

/// A model as tensors: what has one place for each bone is stacked.
type Hand =
    { Relative: Tensor
      InverseAbsolute: Tensor
      Position: Tensor
      Weight: Tensor
      Point: Tensor }

let private square4 (rows: Tensor list list) =
    let fourth = Tensor.scalar 0.0

    let rows =
        [ for row in rows -> row @ [ fourth ] ]
        @ [ [ fourth; fourth; fourth; Tensor.scalar 1.0 ] ]

    Tensor.reshape [ 4; 4 ] (Tensor.stack 0 (List.concat rows))

// The rotation of a bone: about x, then about z.
let private turn (tx: Tensor) (tz: Tensor) =
    let zero = Tensor.scalar 0.0
    let cx, sx, cz, sz = cos tx, sin tx, cos tz, sin tz
    square4 [ [ cz; -sz * cx; sz * sx ]; [ sz; cz * cx; -cz * sx ]; [ zero; sx; cx ] ]

/// The rotation about an axis by an angle, which are the direction and the length of a vector; none where it is short.
let private globalRotation (v: Tensor) =
    let length = Tensor.norm v
    let isShort = Tensor.less length (Tensor.scalar 1e-4)
    let length = Tensor.norm (Tensor.where isShort (Tensor.onesLike v) v)
    let axis, s, c = v / length, sin length, cos length
    let x, y, z, d = axis[0], axis[1], axis[2], 1.0 - c

    let entries =
        [ x * x + (1.0 - x * x) * c
          x * y * d - z * s
          x * z * d + y * s
          x * y * d + z * s
          y * y + (1.0 - y * y) * c
          y * z * d - x * s
          x * z * d - y * s
          z * y * d + x * s
          z * z + (1.0 - z * z) * c ]

    Tensor.where isShort (Tensor.eye Float64 3) (Tensor.reshape [ 3; 3 ] (Tensor.stack 0 entries))

/// The vertices of the hand in a pose, one a row.
let private vertices (parents: int array) isMirrored hand (theta: Tensor) =
    let rotation bone =
        let finger, joint = (bone - 1) / 4, (bone - 1) % 4

        if bone = 0 || finger > 4 then
            None
        elif joint = 1 then
            Some(turn theta[6 + 4 * finger] theta[7 + 4 * finger])
        elif joint > 1 then
            Some(turn theta[6 + 4 * finger + joint] (Tensor.scalar 0.0))
        else
            None

    let absolutes = ResizeArray<Tensor>()

    for bone in 0 .. parents.Length - 1 do
        let relative =
            match rotation bone with
            | Some turn -> hand.Relative[bone] *@ turn
            | None -> hand.Relative[bone]

        absolutes.Add(
            if parents[bone] < 0 then
                relative
            else
                absolutes[parents[bone]] *@ relative
        )

    let transforms = Tensor.stack 0 absolutes *@ hand.InverseAbsolute

    // sum over bones b of weight[v, b] transform[b] position[v], as one product.
    let blended =
        let count, bones = hand.Weight.Shape[0], hand.Weight.Shape[1]
        let spread = Tensor.expandDims 2 hand.Weight * Tensor.expandDims 1 hand.Position
        let columns = Tensor.permute [ 0; 2; 1 ] (Tensor.sliceAxis 1 0 3 1 transforms)

        Tensor.reshape [ count; bones * 4 ] spread
        *@ Tensor.reshape [ bones * 4; 3 ] columns

    let mirrored =
        if isMirrored then
            blended * Tensor.vector [ -1.0; 1.0; 1.0 ]
        else
            blended

    mirrored *@ Tensor.transpose (globalRotation (Tensor.sliceAxis 0 0 3 1 theta))
    + Tensor.sliceAxis 0 3 6 1 theta

type private Input =
    { Model: Model
      Correspondences: int array
      Points: float array array
      Theta: float array
      Us: float array array }

let private read json =
    let data = Read.field "data" json
    let model = Read.field "model" data
    let whole = Read.list (fun (e: JsonElement) -> e.GetInt32())
    let field name = Read.field name model

    { Model =
        { Parents = whole (field "parents")
          Relatives = Read.list Read.rows (field "base_relatives")
          InverseAbsolutes = Read.list Read.rows (field "inverse_base_absolutes")
          Positions = Read.rows (field "base_positions")
          Weights = Read.rows (field "weights")
          Triangles = Read.list whole (field "triangles")
          IsMirrored = (field "is_mirrored").GetBoolean() }
      Correspondences = whole (Read.field "correspondences" data)
      Points = Read.rows (Read.field "points" data)
      Theta = Read.numbers (Read.field "theta" json)
      Us = Read.rows (Read.field "us" json) }

// The residuals as a function of the hand, the pose, and where on its triangle each point is; none of the latter in the
// simple variant, in which each point has a vertex.
let private residuals input =
    let model = input.Model
    let positions = vertices model.Parents model.IsMirrored

    if input.Us.Length = 0 then
        let index = Tensor.eval (Tensor.vector input.Correspondences)
        fun hand (theta, _: Tensor) -> hand.Point - Tensor.take 0 index (positions hand theta)
    else
        let corner k = Tensor.vector [| for c in input.Correspondences -> model.Triangles[c][k] |]
        let a, b, c = Tensor.eval (corner 0, corner 1, corner 2)

        fun hand (theta, us) ->
            let all = positions hand theta
            let u, v = Tensor.sliceAxis 1 0 1 1 us, Tensor.sliceAxis 1 1 2 1 us

            hand.Point
            - (u * Tensor.take 0 a all
               + v * Tensor.take 0 b all
               + (1.0 - u - v) * Tensor.take 0 c all)

let private stack (matrices: float array array array) =
    Tensor.ofArray [ matrices.Length; 4; 4 ] (Array.concat (Array.concat matrices))

let private tensors input =
    { Relative = stack input.Model.Relatives
      InverseAbsolute = stack input.Model.InverseAbsolutes
      Position = Tensor.matrix input.Model.Positions
      Weight = Tensor.matrix input.Model.Weights
      Point = Tensor.matrix input.Points },
    Tensor.vector input.Theta,
    Tensor.ofArray [ input.Us.Length; 2 ] (Array.concat input.Us)

let private prepare f input =
    let residuals = residuals input
    let f = jit (fun (hand, theta, us) -> f (residuals hand) (theta, us))
    fun () -> f (tensors input) |> Tensor.flatten |> Tensor.toArray<float>

// Forward along every direction at once. A residual depends on its own u alone, so that all u0 vary together, and all u1.
let private jacobian f (theta: Tensor, us: Tensor) =
    let n, t = us.Shape[0], theta.Shape[0]
    let extra = if n = 0 then 0 else 2
    let ofUs = Tensor.eye Float64 (t + extra) |> Tensor.sliceAxis 1 0 extra 1
    let ofTheta = Tensor.eye Float64 (t + extra) |> Tensor.sliceAxis 1 extra (t + extra) 1

    let along (ofTheta, ofU: Tensor) =
        let ofUs = if n = 0 then us else Tensor.broadcastTo [ n; 2 ] ofU
        Forward.jvp f (theta, us) (ofTheta, ofUs) |> snd |> Tensor.flatten

    vmapAxes [ Some 0; Some 0 ] 1 along (ofTheta, ofUs)

let private rows input (values: float array) =
    Array.chunkBySize (input.Theta.Length + (if input.Us.Length = 0 then 0 else 2)) values

let evaluation =
    { Name = "ht"
      Functions =
        Map
            [ "objective", Evaluation.functionOf read (prepare id) box
              "jacobian",
              Evaluation.functionOf
                  read
                  (fun input ->
                      let run = prepare jacobian input
                      fun () -> input, run ())
                  (fun (input, values) -> box (rows input values)) ] }
