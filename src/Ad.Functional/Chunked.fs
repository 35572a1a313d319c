namespace Ad.Functional

open Ad.Tensors

/// Jacobians by passes that carry several directions each.
[<AutoOpen>]
module Chunked =
    /// <summary>
    /// The Jacobian, shape of f(x) then shape of x, by the cheaper mode: so many columns, or rows, a pass. A larger chunk takes fewer passes and more memory.
    /// </summary>
    /// <exception cref="T:System.ArgumentException">The chunk is less than 1.</exception>
    let jacobianChunked (chunk: int) (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if chunk < 1 then
            Shapes.refuse "jacobianChunked" $"cannot take {chunk} directions at a time."

        // The images of the unit tensors like t, one after another along axis 0.
        let images (t: Tensor) (linear: Tensor -> Tensor) (image: Tensor) =
            let n = int t.Count

            if n = 0 then
                Tensor.zeros image.DType (Seq.append [ 0 ] image.Shape)
            else
                [ for first in 0..chunk .. n - 1 do
                      let count = min chunk (n - first)
                      let places = Tensor.arange DType.Int32 count + first

                      let units =
                          Tensor.oneHot t.DType n places |> Tensor.reshape (Seq.append [ count ] t.Shape)

                      Trace.settle [| vmap linear units |] |> Array.head ]
                |> Tensor.concat 0

        let y, pull = Reverse.vjp f x
        let shape = Seq.append y.Shape x.Shape |> Seq.toArray

        if x.Count <= y.Count then
            let y, push = Forward.linearize f x
            let columns = images x push y
            let order = Seq.append (Seq.init y.Rank ((+) 1)) [ 0 ]
            Tensor.permute order columns |> Tensor.reshape shape
        else
            images y pull x |> Tensor.reshape shape
