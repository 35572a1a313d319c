/// The tool for GradBench: the values of its functions against plain transcriptions of the definitions; their derivatives
/// against central differences of these.
module Properties.GradBench

open System
open Xunit
open Properties.GradBenchAsking

[<Fact>]
let ``hello: a square and its derivative`` () =
    close 0.0 [ 16384.0 ] (flat (ask "hello" "square" 128.0))
    close 0.0 [ 256.0 ] (flat (ask "hello" "double" 128.0))

[<Theory; InlineData "ff"; InlineData "fr"; InlineData "rf"; InlineData "rr">]
let ``particle and saddle: the four nestings have the known results`` modes =
    close 1e-12 [ 0.2071918746486116 ] (flat (ask "particle" modes {| w = 0.0 |}))

    close
        1e-15
        (List.replicate 4 8.246324826140356e-06)
        (flat (ask "saddle" modes {| start = [ 1.0; 1.0 ] |}))

[<Fact>]
let ``lse`` () =
    let plain x = log (Array.sumBy exp x)
    let x = uniform (random 1) 9
    close 1e-12 [ plain x ] (flat (ask "lse" "primal" {| x = x |}))
    close 1e-9 (differences plain x) (flat (ask "lse" "gradient" {| x = x |}))

[<Theory; InlineData(16, 5); InlineData(7, 8); InlineData(6, 1)>]
let ``llsq`` n m =
    let plain (x: float array) =
        0.5
        * Seq.sum (
            seq {
                for i in 0 .. n - 1 do
                    let t = -1.0 + 2.0 * float i / float (n - 1)
                    let fit = Seq.sum (seq { for j in 0 .. m - 1 -> x[j] * t ** float j })
                    (float (sign t) - fit) ** 2.0
            }
        )

    let x = uniform (random 2) m
    close 1e-12 [ plain x ] (flat (ask "llsq" "primal" {| x = x; n = n |}))
    close 1e-8 (differences plain x) (flat (ask "llsq" "gradient" {| x = x; n = n |}))

[<Fact>]
let ``kmeans: the direction is the centroid less the mean of its points`` () =
    let r = random 3
    let points = matrix r 20 3
    let centroids = Array.sub points 17 3
    let distance = Array.fold2 (fun s a b -> s + (a - b) ** 2.0) 0.0
    let nearest p = centroids |> Seq.indexed |> Seq.minBy (fun (_, c) -> distance c p) |> fst

    let expected =
        [ for j in 0..2 do
              let own = points |> Array.filter (fun p -> nearest p = j)

              yield!
                  centroids[j]
                  |> Array.mapi (fun i c -> c - Array.averageBy (fun (p: float array) -> p[i]) own) ]

    let input =
        {| points = points
           centroids = centroids |}

    let cost = points |> Array.sumBy (fun p -> centroids |> Seq.map (distance p) |> Seq.min)
    close 1e-12 [ cost ] (flat (ask "kmeans" "cost" input))
    close 1e-12 expected (flat (ask "kmeans" "dir" input))

[<Fact>]
let ``ode`` () =
    let n, steps = 6, 3

    let plain (x: float array) =
        let g (y: float array) = Array.mapi (fun i x -> if i = 0 then x else x * y[i - 1]) x
        let h = 2.0 / float steps
        let along y c k = Array.map2 (fun y k -> y + c * k) y k

        let step y _ =
            let k1 = g y
            let k2 = g (along y (h / 2.0) k1)
            let k3 = g (along y (h / 2.0) k2)
            let k4 = g (along y h k3)
            Array.init n (fun i -> y[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))

        List.fold step (Array.zeroCreate n) [ 1..steps ]

    let x = uniform (random 5) n
    close 1e-12 (plain x) (flat (ask "ode" "primal" {| x = x; s = steps |}))
    close 1e-9 (differences (plain >> Array.last) x) (flat (ask "ode" "gradient" {| x = x; s = steps |}))

[<Theory; InlineData 1; InlineData 4; InlineData 9>]
let ``det`` n =
    let plain (a: float array) =
        let a = Array.init n (fun i -> Array.sub a (i * n) n)
        let mutable product = 1.0

        for i in 0 .. n - 1 do
            let pivot = Seq.maxBy (fun r -> abs (a[r][i])) (seq { i .. n - 1 })

            if pivot <> i then
                let row = a[i]
                a[i] <- a[pivot]
                a[pivot] <- row
                product <- -product

            product <- product * a[i][i]

            for r in i + 1 .. n - 1 do
                let factor = a[r][i] / a[i][i]
                a[r] <- Array.map2 (fun x y -> x - factor * y) a[r] a[i]

        product

    let a = uniform (random 6) (n * n)
    close 1e-12 [ plain a ] (flat (ask "det" "primal" {| A = a; ell = n |}))
    close 1e-8 (differences plain a) (flat (ask "det" "gradient" {| A = a; ell = n |}))
