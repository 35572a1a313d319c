// Methods that see the function, least squares, curvature; distributions and what they are fitted by.
#load "lib/Prelude.fsx"

open Ad.Functional

// Rosenbrock's valley, from the usual start, by methods that see the function and its curvature.
let rosenbrock (x: Tensor) = 100.0 * Tensor.square (x[1] - x[0] * x[0]) + Tensor.square (1.0 - x[0])

let start = Tensor.vector [ -1.2; 1.0 ]

let stepsOf (minimizer: Minimizer<Tensor, 'S>) =
    Minimizer.iterates minimizer rosenbrock start
    |> Seq.takeWhile (fun (value, _) -> Tensor.toScalar value > 1e-12)
    |> Seq.truncate 20000
    |> Seq.length

printfn $"steepest descent: more than 999 steps is {stepsOf Minimizer.steepestDescent > 999}"
printfn $"conjugate gradients {stepsOf Minimizer.conjugateGradients}"
printfn $"L-BFGS {stepsOf (Minimizer.lbfgs 10)}"
printfn $"Newton {stepsOf (SecondOrder.newton 0.0)}"
//> steepest descent: more than 999 steps is True
//> conjugate gradients 19
//> L-BFGS 36
//> Newton 6

// A sum of squares: the parameters of a decay, from noisy measurements.
let time = Tensor.linspace Float64 0.0 4.0 50
let decay (p: {| Height: Tensor; Rate: Tensor |}) = p.Height * exp (-(p.Rate * time))

let measured =
    decay
        {| Height = Tensor.scalar 2.0
           Rate = Tensor.scalar 0.7 |}
    + 0.02 * Random.normal (Key.ofSeed 1L) [ 50 ]

let fitted =
    SecondOrder.levenbergMarquardt
        (fun p -> decay p - measured)
        {| Height = Tensor.scalar 1.0
           Rate = Tensor.scalar 5.0 |}
    |> Minimizer.untilStill 100 1e-12

printfn $"height {Tensor.toScalar fitted.Height:F2}, rate {Tensor.toScalar fitted.Rate:F2}"
//> height 2.00, rate 0.70

// How sharp the minimum is: gradient descent needs a rate below 2 / sharpness.
let top = Tensor.vector [ 1.0; 1.0 ]
printfn $"{SecondOrder.sharpness (Key.ofSeed 2L) rosenbrock top:F1}"
//> 1001.6

// A distribution is a value; its log-density is differentiable by everything. Maximum likelihood of a gamma distribution:
let waits = Distribution.sample (Key.ofSeed 3L) [ 5000 ] (Gamma(Tensor.scalar 3.0, Tensor.scalar 2.0))

let unlikely (p: {| Shape: Tensor; Rate: Tensor |}) =
    -(Tensor.mean (Distribution.logProb waits (Gamma(exp p.Shape, exp p.Rate))))

let likeliest =
    Minimizer.run
        50
        1e-12
        (Minimizer.lbfgs 10)
        (jit unlikely)
        {| Shape = Tensor.scalar 0.0
           Rate = Tensor.scalar 0.0 |}

printfn $"shape {exp (Tensor.toScalar likeliest.Shape):F1}, rate {exp (Tensor.toScalar likeliest.Rate):F1}"
//> shape 3.0, rate 2.0

// Samples of a normal distribution carry derivatives to its parameters, so that a divergence without a formula can be made small by
// its estimate: the normal nearest to a mixture of two.
let mixture =
    Mixture(
        Tensor.vector [ 0.0; 0.0 ],
        [ Normal(Tensor.scalar -1.0, Tensor.scalar 0.5)
          Normal(Tensor.scalar 1.0, Tensor.scalar 0.5) ]
    )

let divergence key (p: {| Mean: Tensor; LogDeviation: Tensor |}) =
    let q = Normal(p.Mean, exp p.LogDeviation)
    let x = Distribution.sample key [ 256 ] q
    Tensor.mean (Distribution.logProb x q - Distribution.logProb x mixture)

let optimizer = Optimizer.adam 0.05

let step =
    jit (fun (key, p, state) ->
        let key = Key.foldIn 1 key
        let p, state = Optimizer.step optimizer (grad (divergence key) p) state p
        key, p, state)

let first =
    {| Mean = Tensor.scalar 0.3
       LogDeviation = Tensor.scalar 0.0 |}

let _, nearest, _ =
    ((Key.ofSeed 4L, first, optimizer.Init first), seq { 1..400 })
    ||> Seq.fold (fun state _ -> step state)

printfn $"deviation {exp (Tensor.toScalar nearest.LogDeviation):F1}"
//> deviation 1.1
