using Ad.Checks;

namespace Ad.Host;

/// <summary>The laws of Ad.Checks over every operation of the catalogue.</summary>
public sealed class OperationLaws : IGradientLaws
{
    /// <inheritdoc/>
    public IReadOnlyList<string> Operations => GradientCheck.Operations;

    /// <inheritdoc/>
    public IReadOnlyList<LawResult> Check(
        int cases, string? replay, IReadOnlyList<string> operations, Action<LawResult> progress, CancellationToken stopping) =>
        GradientCheck.Run(cases, replay, operations, progress, stopping);

    /// <inheritdoc/>
    public SoakState CheckPrograms(SoakState from, int programs, Action<SoakState> progress, CancellationToken stopping) =>
        GradientCheck.Soak(from, programs, progress, stopping);
}
