/// The log posterior of a Gaussian mixture.
module GradBench.Gmm

open System
open Ad.Functional

/// What is differentiated by: the weights of the components, their means, and the logarithms of the diagonals and the lower
/// triangles of the square roots of their precisions.
type Parameters =
    { Alpha: Tensor
      Mu: Tensor
      Q: Tensor
      L: Tensor }

/// The Wishart prior: its additional degrees of freedom and its precision.
type Prior = { M: int; Gamma: float }

// Where each element of a d x d triangle is among the d of its diagonal, those below it column by column, and a zero.
let private places d =
    let below = d * (d - 1) / 2

    let place row column =
        if row = column then
            row
        elif row < column then
            d + below
        else
            d + below - (d - column) * (d - column - 1) / 2 + row - column - 1

    Tensor.vector
        [ for row in 0 .. d - 1 do
              for column in 0 .. d - 1 -> place row column ]

/// The objective at the points x.
let objective prior (x: Tensor) p =
    let n, d, k = x.Shape[0], x.Shape[1], p.Alpha.Shape[0]
    let nu = d + prior.M + 1
    let sumQ = Tensor.sumOver [ 1 ] p.Q
    let diagonals = exp p.Q

    let triangles =
        Tensor.concat 1 [ diagonals; p.L; Tensor.zeros Float64 [ k; 1 ] ]
        |> Tensor.take 1 (places d)
        |> Tensor.reshape [ k; d; d ]

    // Q_k x_i of all components in one product, less Q_k mu_k.
    let images = x *@ Tensor.transpose (Tensor.reshape [ k * d; d ] triangles)
    let centres = triangles *@ Tensor.expandDims 2 p.Mu |> Tensor.reshape [ k * d ]
    let distances = Tensor.sumOver [ 2 ] (Tensor.reshape [ n; k; d ] (Tensor.square (images - centres)))
    let terms = p.Alpha + sumQ - 0.5 * distances

    let logGamma =
        let halves = Tensor.vector [ for j in 1..d -> 0.5 * float (nu + 1 - j) ]
        float (d * (d - 1)) / 4.0 * log Math.PI + Tensor.sum (Tensor.lgamma halves)

    let normalizer = float (nu * d) * (log prior.Gamma - 0.5 * log 2.0) - logGamma
    let squares = Tensor.sum (diagonals * diagonals) + Tensor.sum (p.L * p.L)
    let wishart = 0.5 * prior.Gamma * prior.Gamma * squares - float prior.M * Tensor.sum sumQ

    -0.5 * float (n * d) * log (2.0 * Math.PI)
    + Tensor.sum (Tensor.logSumExpOver [ 1 ] terms)
    - float n * Tensor.logSumExp p.Alpha
    - wishart
    + float k * normalizer

type private Input =
    { Prior: Prior
      X: float array array
      Alphas: float array
      Mus: float array array
      Qs: float array array
      Ls: float array array }

let private read json =
    let rows name = Read.rows (Read.field name json)

    { Prior =
        { M = Read.int "m" json
          Gamma = Read.float "gamma" json }
      X = rows "x"
      Alphas = Read.numbers (Read.field "alpha" json)
      Mus = rows "mu"
      Qs = rows "q"
      Ls = rows "l" }

// Of d = 1 the triangles are empty, and a matrix of no columns needs its shape said.
let private matrix (rows: float array array) =
    Tensor.ofArray [ rows.Length; rows[0].Length ] (Array.concat rows)

let private functionOf f write =
    let prepare input =
        let f = jit (fun (x, p) -> f (objective input.Prior x) p)

        fun () ->
            let p =
                { Alpha = Tensor.vector input.Alphas
                  Mu = matrix input.Mus
                  Q = matrix input.Qs
                  L = matrix input.Ls }

            f (matrix input.X, p) |> Tensor.eval

    Evaluation.functionOf read prepare write

let private rows (t: Tensor) =
    let flat = Tensor.toArray<float>(Tensor.flatten t)
    let width = t.Shape[1]
    Array.init t.Shape[0] (fun i -> Array.sub flat (i * width) width)

let private write p =
    box
        {| alpha = Tensor.toArray<float> p.Alpha
           mu = rows p.Mu
           q = rows p.Q
           l = rows p.L |}

let evaluation =
    { Name = "gmm"
      Functions =
        Map
            [ "objective", functionOf (fun f p -> f p) (Tensor.toScalar >> box)
              "jacobian", functionOf grad write ] }
