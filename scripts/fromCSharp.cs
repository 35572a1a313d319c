// The same functions from C#: Func in place of F# functions, extension methods in place of modules, trees of C# records.
#:project ../src/Ad.Functional
#:property PublishAot=false
#:property GenerateDocumentationFile=false
using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Functional.Scalar;
using Ad.Tensors;
using static Ad.Functional.CSharp.Tensors;

// Functions of tensors; operators, broadcasting and lazy evaluation as in F#.
var x = Vector(0.0, 0.5, 1.0);
Tensor F(Tensor v) => (v.Sin() * (-v * v).Exp()).Sum();

Console.WriteLine(Autodiff.Gradient(F, x));
//> [1.0, 0.310085, -0.420354] : float64[3]
Console.WriteLine(Autodiff.ForwardGradient(F, x));
//> [1.0, 0.310085, -0.420354] : float64[3]
var (value, gradient) = Autodiff.ValueAndGradient(F, x);
Console.WriteLine($"{value}; {gradient}");
//> 0.682937 : float64[]; [1.0, 0.310085, -0.420354] : float64[3]
Console.WriteLine(Autodiff.Hvp(F, x, Vector(0.0, 1.0, 0.0)));
//> [0.0, -2.11368, 0.0] : float64[3]

// The gradient by a record is a record.
var inputs = Vector(0.0, 1.0, 2.0, 3.0);
var targets = Vector(1.0, 3.0, 5.0, 7.0);
Tensor Loss(Line line) => (line.Slope * inputs + line.Offset - targets).Pow(2).Mean();

var step = Autodiff.Jit((Line line) =>
{
    var g = Autodiff.Gradient(Loss, line);
    return new Line(line.Slope - 0.1 * g.Slope, line.Offset - 0.1 * g.Offset);
});

var line = new Line(Scalar(0.0), Scalar(0.0));

for (var i = 0; i < 200; i++)
{
    line = step(line);
}

Console.WriteLine($"y = {line.Slope.ToScalar():F3} x + {line.Offset.ToScalar():F3}");
//> y = 2.000 x + 1.000

// How much work it was.
var (_, cost) = Autodiff.Measure(() => Autodiff.ForwardGradient(F, x));
Console.WriteLine($"{cost.ForwardPasses} forward passes");
//> 3 forward passes

// Functions of numbers: any generic method over IFloatingPointIeee754 is differentiable, to any order.
Console.WriteLine($"{ScalarForward.Derivative(t => t * t * t, 2.0)}");
//> 12
Console.WriteLine($"{ScalarAutodiff.Derivative(new Cube(), 2.0, order: 2)}");
//> 12

// Classifiers, optimizers and schedules go by name too; a step is a compiled pure function from state to state.
float[] places = [0, 0, 0, 1, 1, 0, 1, 1];
int[] kinds = [0, 1, 1, 0];
var (corners, classes) = (OfArray([4, 2], places), OfArray([4], kinds));
var model = Learners.Model("mlp", DType.Float32, [2], classes: 2, hidden: [16], dropout: 0);
var rate = Learners.Schedule("cosine", peak: 0.05, final: 0, steps: 200, warmUp: 10);
var adam = Learners.Optimizer("adam", rate, weightDecay: 0, firstDecay: null, secondDecay: null, epsilon: null, clip: 1, accumulate: 1);
var train = Learners.Step(model, adam, average: 0, changes: [], smoothing: 0);
var learner = Learners.Start(model, adam, average: 0, Keys.OfSeed(1));

for (var i = 0; i < 200; i++)
{
    learner = train(learner, corners, classes).Learner;
}

var (hits, _) = Learners.Test(model)(learner, corners, classes);
Console.WriteLine($"{hits.ToScalar()} of 4 right");
//> 4 of 4 right

// Mistakes are exceptions that name the operation and the shapes.
try
{
    _ = x + Vector(1.0, 2.0);
}
catch (ArgumentException mistake)
{
    Console.WriteLine(mistake.Message);
}
//> add: the shapes [3] and [2] do not broadcast together.

sealed record Line(Tensor Slope, Tensor Offset);

sealed class Cube : IScalarFunction
{
    public T Invoke<T>(T x) where T : System.Numerics.IFloatingPointIeee754<T> => x * x * x;
}
