module Properties.OdeLaws

open Xunit
open Ad.Functional
open Ad.Tensors

let private close (tolerance: float) (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)
    let apart = Tensor.toScalar (Tensor.max (abs (expected - actual)))
    let size = 1.0 + Tensor.toScalar (Tensor.max (abs expected))
    Assert.True(apart <= tolerance * size, $"expected {expected}, got {actual}")

let private fine =
    { OdeOptions.Default with
        Relative = 1e-10
        Absolute = 1e-10
        MostSteps = 300 }

let private solvers: (string * ((Tensor -> Tensor -> Tensor) -> Tensor -> Tensor -> Tensor)) list =
    [ "discrete", Ode.odeint fine; "adjoint", Ode.odeintAdjoint fine ]

let private times = Tensor.vector [ 0.0; 0.5; 1.3; 2.0 ]

[<Fact>]
let ``growth and decay are exponentials, forwards and backwards in time`` () =
    for _, solve in solvers do
        for rate in [ -1.5; 0.8 ] do
            let y = solve (fun _ y -> rate * y) (Tensor.vector [ 2.0 ]) times
            close 1e-8 (2.0 * exp (rate * Tensor.reshape [ 4; 1 ] times)) y
            let back = solve (fun _ y -> rate * y) (Tensor.vector [ 2.0 ]) (-times)
            close 1e-8 (2.0 * exp (-rate * Tensor.reshape [ 4; 1 ] times)) back

[<Fact>]
let ``an oscillator, as a tree, comes round`` () =
    let f _ (x: Tensor, v: Tensor) = v, -4.0 * x
    let start = Tensor.scalar 1.0, Tensor.scalar 0.0

    for solve in [ Ode.odeint fine; Ode.odeintAdjoint fine ] do
        let x, v = solve f start times
        close 1e-7 (cos (2.0 * times)) x
        close 1e-7 (-2.0 * sin (2.0 * times)) v

[<Fact>]
let ``time may stand in the equation`` () =
    for _, solve in solvers do
        let y = solve (fun t y -> 2.0 * t + 0.0 * y) (Tensor.vector [ 1.0 ]) times
        close 1e-9 (1.0 + Tensor.reshape [ 4; 1 ] (times * times)) y

[<Fact>]
let ``derivatives by start, times and what the equation closes over are the exact solution's`` () =
    let exact (rate: Tensor, start: Tensor, times: Tensor) =
        Tensor.sum (start * exp (rate * (times - times[0])) * (times + 1.0))

    let at = Tensor.scalar -0.7, Tensor.scalar 1.4, times
    let rate', start', times' = grad exact at

    for _, solve in solvers do
        let numeric (rate: Tensor, start: Tensor, times: Tensor) =
            let y = solve (fun _ y -> rate * y) (Tensor.reshape [ 1 ] start) times
            Tensor.sum (Tensor.squeeze [ 1 ] y * (times + 1.0))

        let rate, start, moved = grad numeric at
        close 1e-6 rate' rate
        close 1e-6 start' start
        close 1e-6 times' moved

        let along =
            snd (Forward.jvp numeric at (Tensor.scalar 1.0, Tensor.scalar 0.0, Tensor.zerosLike times))

        close 1e-6 rate' along

[<Fact>]
let ``the adjoint is the discrete derivative, to the tolerance, for an equation without solution in closed form``
    ()
    =
    let loss solve (mu: Tensor, start: Tensor) =
        let f (t: Tensor) (y: Tensor) =
            Tensor.stack 0 [ y[1]; mu * (1.0 - y[0] * y[0]) * y[1] - y[0] + 0.1 * cos t ]

        Tensor.sum (Tensor.square (solve f start times: Tensor))

    let at = Tensor.scalar 0.8, Tensor.vector [ 1.0; 0.3 ]
    let a, b = grad (loss (snd solvers[0])) at
    let a', b' = grad (loss (snd solvers[1])) at
    close 1e-6 a a'
    close 1e-6 b b'

[<Fact>]
let ``solutions map and compile`` () =
    for _, solve in solvers do
        let last (rate: Tensor) = (solve (fun _ y -> rate * y) (Tensor.vector [ 1.0 ]) times)[3, 0]
        let rates = Tensor.vector [ -1.0; 0.5 ]
        close 1e-7 (exp (2.0 * rates)) (vmap last rates)
        close 1e-6 (2.0 * exp (2.0 * rates)) (vmap (grad last) rates)
        close 1e-6 (Tensor.scalar (2.0 * exp 1.0)) (jit (grad last) (Tensor.scalar 0.5))

[<Fact>]
let ``a state that is not reached is NaN`` () =
    let y =
        Ode.odeint
            { fine with MostSteps = 2 }
            (fun _ y -> -y)
            (Tensor.vector [ 1.0 ])
            (Tensor.vector [ 0.0; 50.0 ])

    Assert.True(System.Double.IsNaN(Tensor.toScalar y[1, 0]))

[<Fact>]
let ``between the steps the solution is as good as at them, forwards and backwards`` () =
    let f (t: Tensor) (y: Tensor) = Tensor.stack 0 [ y[1]; -y[0] ] * (1.0 + 0.0 * t)
    let exact (t: Tensor) = Tensor.stack 1 [ cos t; -(sin t) ]

    for stop in [ 6.0; -6.0 ] do
        let at = Ode.solution fine f (Tensor.vector [ 1.0; 0.0 ]) (Tensor.scalar 0.0) (Tensor.scalar stop)
        let times = Tensor.linspace Float64 0.0 stop 200
        close 2e-8 (exact times) (at times)
        let one = exact (Tensor.vector [ 0.7 * stop ])
        close 2e-8 one[0] (at (Tensor.scalar (0.7 * stop)))
        // What is integrated to is what odeint says.
        let ends = Tensor.vector [ 0.0; stop ]
        close 1e-12 (Ode.odeint fine f (Tensor.vector [ 1.0; 0.0 ]) ends) (at ends)

[<Fact>]
let ``errors between the steps stay near what a step was allowed`` () =
    let worst tolerance =
        let options =
            { fine with
                Relative = tolerance
                Absolute = tolerance }

        let at =
            Ode.solution options (fun _ y -> -y) (Tensor.scalar 1.0) (Tensor.scalar 0.0) (Tensor.scalar 3.0)

        let times = Tensor.linspace Float64 0.0 3.0 301
        Tensor.toScalar (Tensor.max (abs (at times - exp -times)))

    for tolerance in [ 1e-5; 1e-7; 1e-9 ] do
        Assert.True(worst tolerance < 20.0 * tolerance, $"{worst tolerance} for {tolerance}")

[<Fact>]
let ``a solution has derivatives by time, start, parameters and ends, and compiles`` () =
    let value (time: Tensor, y0: Tensor, rate: Tensor, start: Tensor) =
        let at = Ode.solution fine (fun _ y -> -(rate * y)) y0 start (Tensor.scalar 2.0)
        Tensor.sum (at time)

    let x = Tensor.scalar 1.3, Tensor.vector [ 1.5; -0.4 ], Tensor.scalar 0.8, Tensor.scalar 0.1

    let exact (time: Tensor, y0: Tensor, rate: Tensor, start: Tensor) =
        Tensor.sum (y0 * exp (-(rate * (time - start))))

    let leaves (a, b, c, d) = [ a; b; c; d ]
    List.iter2 (close 1e-6) (leaves (grad exact x)) (leaves (grad value x))
    List.iter2 (close 1e-6) (leaves (grad exact x)) (leaves (Forward.gradient value x))
    List.iter2 (close 1e-9) (leaves (grad value x)) (leaves (jit (grad value) x))

[<Fact>]
let ``a solution that is not reached within its steps is not a number`` () =
    let short = { fine with MostSteps = 2 }
    let at = Ode.solution short (fun _ y -> -y) (Tensor.scalar 1.0) (Tensor.scalar 0.0) (Tensor.scalar 30.0)
    Assert.True(System.Double.IsNaN(Tensor.toScalar (at (Tensor.scalar 0.1))))
