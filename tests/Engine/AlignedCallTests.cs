using System.Runtime.CompilerServices;
using Ad.Tensors.Cpu;
using Xunit;

namespace Engine;

/// <summary>Where on the stack emitted code finds itself.</summary>
public sealed unsafe class AlignedCallTests
{
    private static readonly HashSet<nint> Seen = [];

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Loop(byte[][] arrays, int[] offsets, int count, int rows, int[] shifts)
    {
        var here = 0L;
        Seen.Add((nint)(&here) & 63);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Piece(byte[][] arrays, int[] starts, nint memory)
    {
        var here = 0L;
        Seen.Add((nint)(&here) & 63);
    }

    [Fact]
    public void Emitted_code_finds_the_stack_aligned_however_deep_its_caller_is()
    {
        HashSet<nint> above = [];
        foreach (Action call in (Action[])[() => AlignedCall.Run(Loop, [], [], 0, 0, []), () => AlignedCall.Run(Piece, [], [], 0)])
        {
            Seen.Clear();
            for (var depth = 16; depth <= 512; depth += 16)
            {
                Below(depth, call, above);
            }

            Assert.Single(Seen);
            Assert.Equal(4, above.Count);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void Below(int bytes, Action call, HashSet<nint> above)
    {
        var room = stackalloc byte[bytes];
        room[0] = 1;
        above.Add((nint)room & 63);
        call();
    }
}
