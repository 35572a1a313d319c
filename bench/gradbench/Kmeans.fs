/// k-means: the cost of centroids, and the direction in which Newton's method would move them.
module GradBench.Kmeans

open Ad.Functional

/// The sum over the points of the squared distance to the nearest centroid.
let cost (points: Tensor) (centroids: Tensor) =
    let squares x = Tensor.sumOver [ 1 ] (x * x)
    let products = points *@ Tensor.transpose centroids
    let distances = squares centroids - 2.0 * products
    Tensor.sum (squares points + Tensor.minOver [ 1 ] distances)

/// The gradient by the centroids over the diagonal of the Hessian, which is diagonal: its product with ones.
let direction points centroids =
    let gradient, diagonal = Forward.jvp (grad (cost points)) centroids (Tensor.onesLike centroids)
    gradient / diagonal

let private functionOf f write =
    let read json = Read.rows (Read.field "points" json), Read.rows (Read.field "centroids" json)

    let prepare (points: float array array, centroids: float array array) =
        let f = jit (fun (points, centroids) -> f points centroids)
        fun () -> f (Tensor.matrix points, Tensor.matrix centroids) |> Tensor.eval

    Evaluation.functionOf read prepare write

let private rows (t: Tensor) = Tensor.toArray<float>(Tensor.flatten t) |> Array.chunkBySize t.Shape[1]

let evaluation =
    { Name = "kmeans"
      Functions =
        Map
            [ "cost", functionOf cost (Tensor.toScalar >> box)
              "dir", functionOf direction (rows >> box) ] }
