/// The square of a number, and its derivative.
module GradBench.Hello

open Ad.Functional.Scalar

let inline square x = x * x

let evaluation =
    let functionOf f = Evaluation.functionOf _.GetDouble() (fun x () -> f x) box

    { Name = "hello"
      Functions =
        Map
            [ "square", functionOf square
              "double", functionOf (Reverse.derivative square) ] }
