using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>
/// Calls emitted code with a stack that begins at a multiple of a cache line. The compiler lays a method's vectors out as if the stack began at a multiple of their size,
/// and the system sees to 16 bytes only: in every second process vectors kept on the stack lay across lines, and loops took three times as long.
/// </summary>
internal static unsafe class AlignedCall
{
    private const int Line = 64;

    // Below what was allocated, a caller on Windows keeps places for the arguments, a multiple of 16 bytes.
    private static readonly int SegmentArguments = OperatingSystem.IsWindows() ? 48 : 0;
    private static readonly int PieceArguments = OperatingSystem.IsWindows() ? 32 : 0;

    // Not a constant, or the compiler would place it in the frame.
    private static int _least = 16;

    /// <summary>Runs an emitted loop.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(SegmentLoop loop, byte[][] arrays, int[] offsets, int count, int rows, int[] shifts)
    {
        var top = stackalloc byte[Volatile.Read(ref _least)];
        var room = stackalloc byte[Line + (int)(((nint)top - SegmentArguments) & (Line - 1))];
        Volatile.Write(ref *room, 0);
        loop(arrays, offsets, count, rows, shifts);
    }

    /// <summary>Runs a piece of straight code.</summary>
    [SkipLocalsInit]
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static void Run(StraightPiece piece, byte[][] arrays, int[] starts, nint memory)
    {
        var top = stackalloc byte[Volatile.Read(ref _least)];
        var room = stackalloc byte[Line + (int)(((nint)top - PieceArguments) & (Line - 1))];
        Volatile.Write(ref *room, 0);
        piece(arrays, starts, memory);
    }
}
