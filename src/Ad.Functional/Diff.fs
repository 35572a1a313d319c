namespace Ad.Functional

open Ad.Tensors

/// What is composed of the two modes, under the field's names.
[<AutoOpen>]
module Diff =
    /// The gradient of a function with a scalar result, by reverse mode: one pass.
    let grad (f: 'a -> Tensor) (x: 'a) : 'a = Reverse.gradient f x

    /// The value and the gradient, by reverse mode: one pass.
    let valueAndGrad (f: 'a -> Tensor) (x: 'a) : Tensor * 'a = Reverse.valueAndGradient f x

    /// The Hessian times v, without the Hessian: forward over reverse, one pass of each.
    let hvp (f: 'a -> Tensor) (x: 'a) (v: 'a) : 'a = snd (Forward.jvp (Reverse.gradient f) x v)

    /// J^T H J v with the Jacobian J of f at x and the Hessian H of the loss at f(x): the Hessian of their composition without f's curvature
    /// (Schraudolph 2002).
    let gaussNewtonVp (loss: 'b -> Tensor) (f: 'a -> 'b) (x: 'a) (v: 'a) : 'a =
        let y, jv = Forward.jvp f x v
        snd (Reverse.vjp f x) (hvp loss y jv)

    /// The curl of a function from 3-vectors to 3-vectors.
    let curl (f: Tensor -> Tensor) (x: Tensor) : Tensor =
        if Tensor.shape x <> [ 3 ] then
            Shapes.refuse "curl" $"takes a vector of 3, but was given {x.Signature}."

        let j = Forward.jacobian f x

        if Tensor.shape j <> [ 3; 3 ] then
            Shapes.refuse "curl" $"the function's Jacobian is {j.Signature}, not 3 by 3."

        Tensor.stack 0 [ j[2, 1] - j[1, 2]; j[0, 2] - j[2, 0]; j[1, 0] - j[0, 1] ]

    /// The function, traced once for each structure of arguments (shapes, types, plain values) and run as one program from then on. It must be pure,
    /// and may not ask for the value of anything that depends on its arguments. Inside a transform it runs as it is.
    let jit (f: 'a -> 'b) : 'a -> 'b = Jit.compile f

    /// <summary>
    /// A step run over inputs, from a first state to the last, with what each step gave: (s, x) -> (next s, y). It is traced and run like jit's
    /// functions; as the states between the first and the last are seen by nobody, their memory goes from step to step, and a step
    /// that updates a large state in one pass does so in place. Neither the first state nor any output is ever written over.
    /// </summary>
    let jitFold (step: 's -> 'x -> 's * 'y) : 's -> 'x seq -> 's * 'y list = Fold.compile step

    /// The tensors of a tree, through which no derivative flows.
    let stopGradient (x: 'a) : 'a = Tree.map Tensor.stopGradient x
