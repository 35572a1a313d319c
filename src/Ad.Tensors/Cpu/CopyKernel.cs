using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Puts operands into parts of a result: one after another along an axis, or into a result of zeros with room around and between the
/// elements. Each part is copied along the innermost axis that source and target share.
/// </summary>
internal sealed class CopyKernel(string name, int target, long targetBytes, bool clear, (View Source, Layout Target)[] parts) : Kernel
{
    private readonly StridedCopy[] _copies = [.. parts.Select(p => new StridedCopy(p.Source.Layout, p.Target))];

    public override IEnumerable<int> Reads => parts.Select(p => p.Source.Slot).Distinct();

    public override IEnumerable<int> Writes => [target];

    /// <summary>What goes where in the target, and whether that is cleared first.</summary>
    public ((View Source, Layout Target)[] Parts, bool Clear) Work => (parts, clear);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Run(Frame frame, Workers workers)
    {
        if (clear)
        {
            frame.Elements<byte>(target, targetBytes).Clear();
        }

        for (var i = 0; i < parts.Length; i++)
        {
            _copies[i].Run(frame, parts[i].Source.Slot, target, parts[i].Source.Type.Size(), workers);
        }
    }

    public override string ToString() => $"{name} {string.Join(' ', parts.Select(p => p.Source))} -> s{target}";
}
