using System.Runtime.CompilerServices;
using Ad.Functional;
using Ad.Functional.CSharp;
using Ad.Tensors;

namespace Ad.Host;

/// <summary>
/// Steps of a learner on several devices. A state is the first device's; its replicas on the others are kept beside it for as long as it is, and made again where
/// they are not, as after a resumption: who holds a state sees nothing of them.
/// </summary>
/// <param name="group">The devices.</param>
/// <param name="together">A step of all devices.</param>
/// <param name="alone">A step of the first, for batches of fewer examples than devices.</param>
internal sealed class SharedSteps(
    DeviceGroup group, Func<Learner[], Tensor, Tensor, ValueTuple<Learner[], Tensor, Tensor>> together, Func<Learner, Tensor, Tensor, LearnerStep> alone)
{
    private readonly ConditionalWeakTable<Learner, Learner[]> _replicas = [];

    /// <summary>A step over so many examples and their classes.</summary>
    public LearnerStep Step(Learner state, Tensor x, Tensor classes, int count)
    {
        if (count < group.Devices.Count)
        {
            return alone(state, x, classes);
        }

        var (next, loss, correct) = together(_replicas.GetValue(state, learner => Learners.Replicate(group, learner)), x, classes);
        _replicas.AddOrUpdate(next[0], next);
        return new LearnerStep(next[0], loss, correct);
    }
}
