/// The tool for GradBench: the values of its models (mixtures, networks, cameras, hands) against plain transcriptions of
/// the definitions; their derivatives against central differences of these.
module Properties.GradBenchModels

open System
open Xunit
open Properties.GradBenchAsking

[<Theory; InlineData(3, 2, 5, 0); InlineData(4, 1, 3, 2); InlineData(1, 2, 4, 1)>]
let ``gmm`` d k n m =
    let r = random 4
    let gamma, below = 1.3, d * (d - 1) / 2
    let x = matrix r n d
    let sizes = [ k; k * d; k * d; k * below ]

    let logGammaOfHalf twice =
        // Of a half or a whole number, by the recurrence from 1/2 or 1.
        Seq.unfold
            (fun t ->
                if t > 2 then
                    Some(log (float (t - 2) / 2.0), t - 2)
                else
                    None)
            twice
        |> Seq.sum
        |> (+) (if twice % 2 = 0 then 0.0 else 0.5 * log Math.PI)

    let plain (p: float array) =
        let alpha i = p[i]
        let mu c i = p[k + c * d + i]
        let q c i = p[k + k * d + c * d + i]
        let l c o = p[k + 2 * k * d + c * below + o]
        let sumQ c = Seq.sum (Seq.init d (q c))
        let lse ts = log (Seq.sumBy exp ts)

        let term i c =
            let t = Array2D.zeroCreate d d
            let mutable o = 0

            for a in 0 .. d - 1 do
                t[a, a] <- exp (q c a)

                for b in a + 1 .. d - 1 do
                    t[b, a] <- l c o
                    o <- o + 1

            let image row = Seq.sum (seq { for j in 0 .. d - 1 -> t[row, j] * (x[i][j] - mu c j) })
            alpha c + sumQ c - 0.5 * Seq.sum (Seq.init d (fun row -> image row ** 2.0))

        let nu = d + m + 1

        let lg =
            float (d * (d - 1)) / 4.0 * log Math.PI
            + Seq.sum (seq { for j in 1..d -> logGammaOfHalf (nu + 1 - j) })

        let constant = float (nu * d) * (log gamma - 0.5 * log 2.0) - lg

        let prior c =
            gamma * gamma / 2.0
            * (Seq.sum (seq { for i in 0 .. d - 1 -> exp (q c i) ** 2.0 })
               + Seq.sum (seq { for o in 0 .. below - 1 -> l c o ** 2.0 }))
            - float m * sumQ c

        -float(n * d) / 2.0 * log (2.0 * Math.PI)
        + Seq.sum (Seq.init n (fun i -> lse (Seq.init k (term i))))
        - float n * lse (Seq.init k alpha)
        - Seq.sum (Seq.init k prior)
        + float k * constant

    let p = uniform r (List.sum sizes)
    let part from width = Array.init k (fun c -> Array.sub p (from + c * width) width)

    let input =
        {| d = d
           k = k
           n = n
           m = m
           x = x
           gamma = gamma
           alpha = Array.take k p
           mu = part k d
           q = part (k + k * d) d
           l = part (k + 2 * k * d) below |}

    close 1e-12 [ plain p ] (flat (ask "gmm" "objective" input))
    let jacobian = ask "gmm" "jacobian" input

    let actual =
        [ "alpha"; "mu"; "q"; "l" ]
        |> List.collect (fun (name: string) -> flat (jacobian.GetProperty name))

    close 1e-7 (differences plain p) actual
    Assert.Equal(k, jacobian.GetProperty("l").GetArrayLength())

[<Theory; InlineData(2, 4, 3); InlineData(1, 70, 2)>]
let ``lstm`` l c b =
    let r = random 7
    let state, sequence = matrix r (2 * l) b, matrix r c b
    let sigmoid x = 1.0 / (1.0 + exp -x)

    let plain (p: float array) =
        let main row i = p[row * 4 * b + i]
        let extra row i = p[8 * l * b + row * b + i]
        let state = Array.map Array.copy state
        let mutable total = 0.0

        for t in 0 .. c - 2 do
            let mutable x = Array.init b (fun i -> sequence[t][i] * extra 0 i)

            for layer in 0 .. l - 1 do
                let h, cell = state[2 * layer], state[2 * layer + 1]
                let gate k i v = v * main (2 * layer) (k * b + i) + main (2 * layer + 1) (k * b + i)

                let next =
                    Array.init b (fun i ->
                        cell[i] * sigmoid (gate 0 i x[i])
                        + sigmoid (gate 1 i h[i]) * tanh (gate 3 i h[i]))

                let hidden = Array.init b (fun i -> sigmoid (gate 2 i x[i]) * tanh next[i])
                state[2 * layer] <- hidden
                state[2 * layer + 1] <- next
                x <- hidden

            let y = Array.init b (fun i -> x[i] * extra 1 i + extra 2 i)
            let rest = log (2.0 + Array.sumBy exp y)
            total <- total + Seq.sum (Seq.init b (fun i -> sequence[t + 1][i] * (y[i] - rest)))

        -total / float ((c - 1) * b)

    let p = uniform r (8 * l * b + 3 * b)

    let input =
        {| main_params = Array.take (8 * l * b) p |> Array.chunkBySize (4 * b)
           extra_params = Array.skip (8 * l * b) p |> Array.chunkBySize b
           state = state
           sequence = sequence |}

    close 1e-12 [ plain p ] (flat (ask "lstm" "objective" input))
    close 1e-9 (differences plain p) (flat (ask "lstm" "jacobian" input))

let private rotated (r: float array) (v: float array) =
    let dot (a: float array) (b: float array) = Array.fold2 (fun s a b -> s + a * b) 0.0 a b

    let cross (a: float array) (b: float array) =
        [| a[1] * b[2] - a[2] * b[1]
           a[2] * b[0] - a[0] * b[2]
           a[0] * b[1] - a[1] * b[0] |]

    let angle = sqrt (dot r r)

    if angle = 0.0 then
        Array.map2 (+) v (cross r v)
    else
        let a = r |> Array.map (fun r -> r / angle)
        let side, along = cross a v, dot a v * (1.0 - cos angle)
        Array.init 3 (fun i -> v[i] * cos angle + side[i] * sin angle + a[i] * along)

[<Theory; InlineData true; InlineData false>]
let ``ba`` isTurned =
    let n, m, p = 2, 3, 4
    let r = random 8
    let cam = uniform r 11 |> Array.mapi (fun i v -> if i < 3 && not isTurned then 0.0 else v)
    let x, w, feat = [| 0.5; 0.2; 4.0 |], 0.8, uniform r 2

    let plain (v: float array) =
        let turned = rotated v[0..2] (Array.init 3 (fun i -> v[11 + i] - v[3 + i]))
        let e = [| turned[0] / turned[2]; turned[1] / turned[2] |]
        let s = e[0] * e[0] + e[1] * e[1]
        let stretch = v[6] * (1.0 + v[9] * s + v[10] * s * s)
        [| for i in 0..1 -> v[14] * (stretch * e[i] + v[7 + i] - feat[i]) |]

    let input =
        {| n = n
           m = m
           p = p
           cam = cam
           x = x
           w = w
           feat = feat |}

    let point = Array.concat [ cam; x; [| w |] ]
    let expected = Array.append (plain point) [| float p; 1.0 - w * w; float p |]
    close 1e-12 expected (flat (ask "ba" "objective" input))

    let jacobian = ask "ba" "jacobian" input
    let field (name: string) = flat (jacobian.GetProperty name)
    let block = List.concat [ for i in 0..1 -> differences (fun v -> (plain v)[i]) point ]
    close 1e-8 (block @ [ -2.0 * w ]) (field "vals")

    let columns camera point i =
        [ for j in 0..10 -> 11 * camera + j ]
        @ [ for j in 0..2 -> 11 * n + 3 * point + j ]
        @ [ 11 * n + 3 * m + i ]

    let ofFirst = columns 0 0 0
    let last = 11 * n + 3 * m + p - 1
    close 0.0 (List.map float (ofFirst @ ofFirst @ [ last ])) (field "cols")
    let starts = [ 0..15 .. 30 * p ] @ [ 30 * p + 1 .. 31 * p ]
    close 0.0 (List.map float (List.truncate 30 starts @ [ 31 * p ])) (field "rows")

[<Theory; InlineData true; InlineData false>]
let ``ht`` isSimple =
    let r = random 9
    let bones, count, n = 22, 9, 5
    let fourth = [| 0.0; 0.0; 0.0; 1.0 |]
    let transform _ = Array.append (matrix r 3 4) [| fourth |]
    let relatives, inverses = Array.init bones transform, Array.init bones transform

    let parents =
        Array.init bones (fun b ->
            if b = 0 then -1
            elif b % 4 = 1 then 0
            else b - 1)

    let positions = Array.init count (fun _ -> Array.append (uniform r 3) [| 1.0 |])
    let weights, points, us = matrix r count bones, matrix r n 3, matrix r n 2
    let triangles = Array.init 4 (fun i -> [| i; i + 1; i + 5 |])
    let correspondences = [| 3; 0; 2; 3; 1 |]

    let times (a: float array array) (b: float array array) =
        Array.init 4 (fun i -> Array.init 4 (fun j -> Seq.sum (Seq.init 4 (fun k -> a[i][k] * b[k][j]))))

    let plain (v: float array) =
        let theta = if isSimple then v else v[2 * n ..]

        let rotation bone =
            let f, joint = (bone - 2) / 4, bone - 4 * ((bone - 2) / 4)

            let tx, tz =
                if bone < 2 || f > 4 then 0.0, 0.0
                elif joint = 2 then theta[6 + 4 * f], theta[7 + 4 * f]
                elif joint = 3 then theta[8 + 4 * f], 0.0
                elif joint = 4 then theta[9 + 4 * f], 0.0
                else 0.0, 0.0

            times
                [| [| cos tz; -(sin tz); 0.0; 0.0 |]
                   [| sin tz; cos tz; 0.0; 0.0 |]
                   [| 0.0; 0.0; 1.0; 0.0 |]
                   fourth |]
                [| [| 1.0; 0.0; 0.0; 0.0 |]
                   [| 0.0; cos tx; -(sin tx); 0.0 |]
                   [| 0.0; sin tx; cos tx; 0.0 |]
                   fourth |]

        let absolutes = Array.zeroCreate<float array array> bones

        for b in 0 .. bones - 1 do
            let relative = times (relatives[b]) (rotation b)

            absolutes[b] <-
                if parents[b] < 0 then
                    relative
                else
                    times (absolutes[parents[b]]) relative

        let transforms = Array.map2 times absolutes inverses

        let vertex i =
            let blended =
                Array.init 3 (fun row ->
                    Seq.sum (
                        Seq.init bones (fun b ->
                            let transform: float array = transforms[b][row]

                            weights[i][b]
                            * Array.fold2 (fun s t p -> s + t * p) 0.0 transform (positions[i]))
                    ))

            Array.map2 (+) (rotated theta[0..2] blended) theta[3..5]

        [| for i in 0 .. n - 1 do
               let seen =
                   if isSimple then
                       vertex (correspondences[i])
                   else
                       let triangle = triangles[correspondences[i]]
                       let corners = Array.map vertex triangle
                       let u0, u1 = v[2 * i], v[2 * i + 1]

                       Array.init 3 (fun k ->
                           u0 * corners[0][k] + u1 * corners[1][k] + (1.0 - u0 - u1) * corners[2][k])

               yield! Array.map2 (-) points[i] seen |]

    let theta = uniform r 26

    let input =
        {| theta = theta
           us = (if isSimple then [||] else us)
           data =
            {| correspondences = correspondences
               points = points
               model =
                {| bone_count = bones
                   bone_names = Array.init bones string
                   parents = parents
                   base_relatives = relatives
                   inverse_base_absolutes = inverses
                   base_positions = positions
                   weights = weights
                   triangles = triangles
                   is_mirrored = false |} |} |}

    let point =
        if isSimple then
            theta
        else
            Array.append (Array.concat us) theta

    close 1e-11 (plain point) (flat (ask "ht" "objective" input))

    let expected =
        [ for i in 0 .. 3 * n - 1 do
              let row = differences (fun v -> (plain v)[i]) point

              if isSimple then
                  yield! row
              else
                  yield! row[2 * (i / 3) .. 2 * (i / 3) + 1]
                  yield! row[2 * n ..] ]

    close 1e-6 expected (flat (ask "ht" "jacobian" input))
