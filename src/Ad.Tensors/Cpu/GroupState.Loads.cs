using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ad.Tensors.Cpu;

internal sealed partial class GroupState
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Load(Frame frame, View view, int i, long start, int count)
    {
        var size = _sizes[i];
        if (_readers[i] is not { } reader)
        {
            (_arrays[i], _offsets[i]) = view.Slot == _tileSlot
                ? (_tile.Array, _tileStart + (int)(start * size))
                : (frame.Array(view.Slot), frame.Start(view.Slot) + (int)((view.Layout.Offset + start) * size));
            return;
        }

        reader.Seek(start);
        var register = _program.Registers[i];
        _uniform[i] = false;
        if (_program.MayBeUniform[i] && reader.TrySame(count) is >= 0 and var same)
        {
            _uniform[i] = true;
            (_arrays[i], _offsets[i]) = (frame.Array(view.Slot), frame.Start(view.Slot) + (int)(same * size));
            return;
        }

        if (register >= 0)
        {
            var at = reader.TryRun(count);
            if (at >= 0)
            {
                (_arrays[i], _offsets[i]) = (frame.Array(view.Slot), frame.Start(view.Slot) + (int)(at * size));
                return;
            }

            (_arrays[i], _offsets[i]) = Register(i);
        }

        var target = At(i, count);
        switch (size)
        {
            case 1:
                reader.Read(frame.From<byte>(view.Slot), target);
                break;
            case 2:
                reader.Read(frame.From<short>(view.Slot), MemoryMarshal.Cast<byte, short>(target));
                break;
            case 4:
                reader.Read(frame.From<int>(view.Slot), MemoryMarshal.Cast<byte, int>(target));
                break;
            default:
                reader.Read(frame.From<long>(view.Slot), MemoryMarshal.Cast<byte, long>(target));
                break;
        }
    }

    private static void FillFrom(Frame frame, View view, Span<byte> target)
    {
        var at = (int)view.Layout.Offset;
        switch (view.Type.Size())
        {
            case 1:
                target.Fill(frame.From<byte>(view.Slot)[at]);
                break;
            case 2:
                MemoryMarshal.Cast<byte, short>(target).Fill(frame.From<short>(view.Slot)[at]);
                break;
            case 4:
                MemoryMarshal.Cast<byte, int>(target).Fill(frame.From<int>(view.Slot)[at]);
                break;
            default:
                MemoryMarshal.Cast<byte, long>(target).Fill(frame.From<long>(view.Slot)[at]);
                break;
        }
    }

    private static void Fill(Scalar value, Span<byte> target)
    {
        switch (value.Type)
        {
            case DType.Bool:
                target.Fill((byte)value.ToInt64());
                break;
            case DType.Int32:
                MemoryMarshal.Cast<byte, int>(target).Fill((int)value.ToInt64());
                break;
            case DType.Int64:
                MemoryMarshal.Cast<byte, long>(target).Fill(value.ToInt64());
                break;
            case DType.Float16:
            case DType.BFloat16:
                MemoryMarshal.Cast<byte, ushort>(target).Fill(Halves.Of(value.Type, value.ToDouble()));
                break;
            case DType.Float32:
                MemoryMarshal.Cast<byte, float>(target).Fill((float)value.ToDouble());
                break;
            case DType.Float64:
                MemoryMarshal.Cast<byte, double>(target).Fill(value.ToDouble());
                break;
        }
    }
}
