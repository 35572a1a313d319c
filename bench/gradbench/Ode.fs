/// A system of differential equations by the classical Runge-Kutta method.
module GradBench.Ode

open Ad.Functional

/// y at time 2, from 0, in so many steps, of y0' = x0, yi' = xi y(i-1).
let solve steps (x: Tensor) =
    let one = Tensor.ones Float64 [ 1 ]
    let slope (y: Tensor) = x * Tensor.concat 0 [ one; Tensor.sliceAxis 0 0 (y.Shape[0] - 1) 1 y ]
    let h = 2.0 / float steps

    let step y _ =
        let k1 = slope y
        let k2 = slope (y + h / 2.0 * k1)
        let k3 = slope (y + h / 2.0 * k2)
        let k4 = slope (y + h * k3)
        y + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)

    Seq.fold step (Tensor.zerosLike x) (seq { 1..steps })

let private functionOf f =
    let read json = Read.numbers (Read.field "x" json), Read.int "s" json

    let prepare (x: float array, steps) =
        let f = jit (f (solve steps))
        fun () -> f (Tensor.vector x) |> Tensor.toArray<float>

    Evaluation.functionOf read prepare box

let private last (y: Tensor) = y[-1]

let evaluation =
    { Name = "ode"
      Functions =
        Map
            [ "primal", functionOf id
              "gradient", functionOf (fun solve -> grad (solve >> last)) ] }
