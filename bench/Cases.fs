namespace Bench

open Ad.Functional
open Ad.Functional.Scalar

/// A piece of work to time: its name, and a function that makes the work ready, for the function to be called again and again.
type Case =
    { Name: string
      Make: unit -> (unit -> unit) }

/// What is measured: one list, for BenchmarkDotNet and for the quick table.
[<RequireQualifiedAccess>]
module Cases =
    let private case name make = { Name = name; Make = make }

    let private evaluated (f: unit -> 'a) : unit -> unit = fun () -> f () |> Tensor.eval |> ignore

    let private float32s (seed: int64) shape = Random.normalOf Float32 (Key.ofSeed seed) shape |> Tensor.eval

    /// sum (sin x * exp (-x * x)) and its derivatives, plain and compiled.
    let private pointwise =
        let f x = Tensor.sum (sin x * exp (-x * x))

        [ for count in [ 1_000; 100_000; 1_000_000 ] do
              let timed name (f: Tensor -> Tensor * Tensor) =
                  [ case $"sum(sin x exp(-x^2)), {count} float32, {name}" (fun () ->
                        let x = float32s 1L [ count ]
                        evaluated (fun () -> f x))
                    case $"sum(sin x exp(-x^2)), {count} float32, {name}, jit" (fun () ->
                        let x, compiled = float32s 1L [ count ], jit f
                        evaluated (fun () -> compiled x)) ]

              yield! timed "value" (fun x -> f x, x)
              yield! timed "forward jvp" (fun x -> Ad.Functional.Forward.jvp f x (Tensor.onesLike x))
              yield! timed "reverse gradient" (Ad.Functional.Reverse.valueAndGradient f) ]

    let private rosenbrock (x: Tensor) =
        let a, b = x[.. x.Shape[0] - 2], x[1..]
        Tensor.sum (100.0 * (b - a * a) ** 2.0 + (1.0 - a) ** 2.0)

    let private rosenbrockCases =
        let point () = Random.normal (Key.ofSeed 2L) [ 100 ] |> Tensor.eval

        [ case "Rosenbrock gradient, 100 float64" (fun () ->
              let x = point ()
              evaluated (fun () -> grad rosenbrock x))
          case "Rosenbrock gradient, 100 float64, jit" (fun () ->
              let x, compiled = point (), jit (grad rosenbrock)
              evaluated (fun () -> compiled x))
          case "Rosenbrock Hessian times vector, 100 float64, jit" (fun () ->
              let x, compiled = point (), jit (fun x -> hvp rosenbrock x x)
              evaluated (fun () -> compiled x)) ]

    let private products =
        [ for size in [ 256; 512 ] ->
              case $"matrix product, {size} by {size} float32" (fun () ->
                  let a, b = float32s 3L [ size; size ], float32s 4L [ size; size ]
                  evaluated (fun () -> a *@ b)) ]

    let private training =
        let layer = Layer.perceptron Float32 Tensor.relu 0.0 [ 784; 256; 128; 10 ]

        let step name (optimizer: Optimizer<Dense[], 'S>) =
            case $"training step 784-256-128-10, batch 128 float32, {name}, jit" (fun () ->
                let x = float32s 5L [ 128; 784 ]
                let classes = Random.integers 0 10 (Key.ofSeed 6L) [ 128 ] |> Tensor.eval

                let step =
                    jit (fun (parameters, state) ->
                        let loss p = Losses.crossEntropy (layer.Apply Inference p x) classes

                        let value, gradients = Ad.Functional.Reverse.valueAndGradient loss parameters
                        value, Optimizer.step optimizer gradients state parameters)

                let first = layer.Init(Key.ofSeed 7L)
                let mutable state = Tensor.eval (first, optimizer.Init first)
                fun () -> state <- snd (step state))

        [ step "SGD" (Optimizer.sgd 1e-3); step "Adam" (Optimizer.adam 1e-3) ]

    /// What one operation costs besides its arithmetic.
    let private overhead =
        let x = Tensor.scalar 1.0

        [ case "one operation, scalar, evaluated" (fun () -> evaluated (fun () -> x + x))
          case "one operation, scalar, written only" (fun () -> fun () -> x + x |> ignore)
          case "100 operations in a chain, scalar, evaluated" (fun () ->
              evaluated (fun () -> Seq.fold (fun y _ -> y * x + x) x (seq { 1..50 })))
          case "gradient of x * x, scalar" (fun () -> evaluated (fun () -> grad (fun x -> x * x) x))
          case "gradient of x * x, scalar, jit" (fun () ->
              let compiled = jit (grad (fun x -> x * x))
              evaluated (fun () -> compiled x)) ]

    /// A function of so many operations, another for every seed.
    let private someFunction (seed: int) count (x: Tensor) =
        let random = System.Random seed
        let known = ResizeArray [ x; x * 0.5 ]

        for _ in 1..count do
            let a, b = known[random.Next known.Count], known[random.Next known.Count]

            known.Add(
                match random.Next 8 with
                | 0 -> sin a
                | 1 -> exp (-a * a)
                | 2 -> a * b
                | 3 -> a + b
                | 4 -> tanh a
                | 5 -> Tensor.sumKeep [ 1 ] a * b
                | 6 -> 0.01 * (a *@ Tensor.transpose b *@ b)
                | _ -> a - 0.3 * b
            )

        known |> Seq.skip (count - 30) |> Seq.reduce (+) |> Tensor.sum

    /// What a program costs at its first call; alone in a process, the quick table's first call has the compiling of the engine itself in it.
    let private newPrograms =
        [ case "a new program of 200 operations, made ready and run" (fun () ->
              let x = Ad.Functional.Random.normal (Key.ofSeed 8L) [ 20; 30 ] |> Tensor.eval
              let mutable seed = 0

              fun () ->
                  seed <- seed + 1
                  jit (someFunction seed 200) x |> Tensor.eval |> ignore) ]

    /// What a check of a user's function costs: its derivatives of first and second order in four kinds of direction.
    let private checks =
        [ case "check of Rosenbrock in 10 numbers" (fun () ->
              let x = Tensor.ofArray [ 10 ] (Array.init 10 (fun i -> 0.1 * float i))

              fun () ->
                  if not (Ad.Checks.Gradients.check rosenbrock x).IsPassed then
                      failwith "The derivative of Rosenbrock's function does not pass.") ]

    let inline private valley (x: 'T array) =
        let mutable sum = 0G

        for i in 0 .. x.Length - 2 do
            let a, b = 1G - x[i], x[i + 1] - x[i] * x[i]
            sum <- sum + a * a + 100G * b * b

        sum

    // 1,000 products and 1,000 sums, one after another; numbers near 1 stay there.
    let inline private horner (x: 'T) =
        let half = 1G / 2G
        let mutable sum = x

        for _ in 1..1000 do
            sum <- sum * half + x

        sum

    // The same work in four sums that do not wait for one another.
    let inline private fourSums (x: 'T) =
        let half = 1G / 2G
        let mutable a, b, c, d = x, x + x, x * x, x

        for _ in 1..250 do
            a <- a * half + x
            b <- b * half + x
            c <- c * half + x
            d <- d * half + x

        a + b + c + d

    // What a C# method over IFloatingPointIeee754<T> compiles to.
    let private logistic<'T when 'T :> System.Numerics.IFloatingPointIeee754<'T>> (rate: 'T) : 'T =
        let mutable x = 'T.CreateChecked 0.5

        for _ in 1..100 do
            x <- 'T.op_Multiply ('T.op_Multiply (rate, x), 'T.op_Subtraction ('T.One, x))

        x

    // A body round a mass: 100 steps of the semi-implicit method, 16 operations each.
    let inline private orbit (mass: 'T) =
        let h = 1G / 100G
        let mutable x, y, u, v = 1G, 0G, 0G, 1G

        for _ in 1..100 do
            let r = x * x + y * y
            let pull = mass / (r * sqrt r)
            u <- u - h * pull * x
            v <- v - h * pull * y
            x <- x + h * u
            y <- y + h * v

        x + y

    // Lorenz (1963) by the classical method of Runge and Kutta: 100 steps of 71 operations, written out.
    let inline private lorenz (sigma: 'T) =
        let rho, beta, h = 28G, 8G / 3G, 1G / 100G
        let half, sixth = h / 2G, h / 6G
        let inline slope x y z = struct (sigma * (y - x), x * (rho - z) - y, x * y - beta * z)
        let mutable x, y, z = 1G, 1G, 1G

        for _ in 1..100 do
            let struct (ax, ay, az) = slope x y z
            let struct (bx, by, bz) = slope (x + half * ax) (y + half * ay) (z + half * az)
            let struct (cx, cy, cz) = slope (x + half * bx) (y + half * by) (z + half * bz)
            let struct (dx, dy, dz) = slope (x + h * cx) (y + h * cy) (z + h * cz)
            x <- x + sixth * (ax + 2G * bx + 2G * cx + dx)
            y <- y + sixth * (ay + 2G * by + 2G * cy + dy)
            z <- z + sixth * (az + 2G * bz + 2G * cz + dz)

        x + y + z

    /// Functions of numbers, against the same function of floats.
    let private numbers =
        let x = Array.init 10 (fun i -> 0.1 * float i)

        let kept f =
            let mutable result = Unchecked.defaultof<_>
            fun () -> result <- f ()

        [ case "Rosenbrock in 10 numbers, float" (fun () -> kept (fun () -> valley x))
          case "Rosenbrock in 10 numbers, gradient by hand" (fun () ->
              kept (fun () ->
                  let g = Array.zeroCreate x.Length

                  for i in 0 .. x.Length - 2 do
                      let b = x[i + 1] - x[i] * x[i]
                      g[i] <- g[i] - 2.0 * (1.0 - x[i]) - 400.0 * b * x[i]
                      g[i + 1] <- g[i + 1] + 200.0 * b

                  g))
          case "Rosenbrock in 10 numbers, gradient by Dual" (fun () ->
              kept (fun () -> Ad.Functional.Scalar.Forward.gradient valley x))
          case "Rosenbrock in 10 numbers, gradient by four tangents at a time" (fun () ->
              kept (fun () -> Chunked.gradient valley x))
          case "Rosenbrock in 10 numbers, gradient by Adjoint" (fun () ->
              kept (fun () -> Ad.Functional.Scalar.Reverse.gradient valley x))
          yield!
              [ "2000 operations on a number, one after another", horner, horner, horner, x[3]
                "2000 operations on a number, four at a time", fourSums, fourSums, fourSums, x[3]
                "300 operations of a generic method", logistic, logistic, logistic, 3.0
                "an orbit of 1600 operations", orbit, orbit, orbit, 1.0
                "7100 operations, 71 in a loop", lorenz, lorenz, lorenz, 10.0 ]
              |> List.collect (fun (name, plain, dual, adjoint, x) ->
                  [ case $"{name}, float" (fun () -> kept (fun () -> plain x))
                    case $"{name}, derivative by Dual" (fun () ->
                        kept (fun () -> Ad.Functional.Scalar.Forward.derivative dual x))
                    case $"{name}, derivative by Adjoint" (fun () ->
                        kept (fun () -> Ad.Functional.Scalar.Reverse.derivative adjoint x)) ]) ]

    /// Every case.
    let all =
        List.concat
            [ pointwise
              rosenbrockCases
              products
              training
              overhead
              newPrograms
              checks
              numbers ]
