using System.Runtime.CompilerServices;

namespace Ad.Tensors.Cpu;

/// <summary>Outputs that are written over what a group reads.</summary>
internal sealed partial class GroupState
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FindLate(Frame frame)
    {
        _late.Clear();
        _over.Clear();
        if (!MayOverwrite(frame))
        {
            return;
        }

        for (var o = 0; o < _outputs.Length; o++)
        {
            var array = frame.Array(_outputSlots[o]);
            for (var l = 0; l < _loads.Length; l++)
            {
                if (frame.Start(_loadSlots[l]) != _outputStarts[o] || frame.Array(_loadSlots[l]) != array)
                {
                    continue;
                }

                if (Overwriter(o, l) is not { } segment)
                {
                    _late.Add(_outputs[o]);
                    break;
                }

                _over.Add(segment);
            }
        }

        if (_late.Count > 0 && _lateScratch.Length == 0)
        {
            _lateScratch = GC.AllocateUninitializedArray<byte>(_program.Nodes.Length * _program.RegisterElements * sizeof(double), pinned: true);
        }

        foreach (var node in _late)
        {
            (_arrays[node], _offsets[node]) = (_lateScratch, node * _program.RegisterElements * sizeof(double));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private Segment? Overwriter(int output, int load)
    {
        ref var found = ref _overwriters[(output * _loads.Length) + load];
        if (!found.IsKnown)
        {
            found = (true, _program.Overwriter(_outputs[output], _loads[load]));
        }

        return found.Segment;
    }

    // Whether a load begins where an output does: all that most runs need to know, and a run inside a loop is short.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool MayOverwrite(Frame frame)
    {
        for (var i = 0; i < _outputs.Length; i++)
        {
            _outputStarts[i] = frame.Start(_outputSlots[i]);
        }

        foreach (var slot in _loadSlots)
        {
            if (_outputStarts.AsSpan().Contains(frame.Start(slot)))
            {
                return true;
            }
        }

        return false;
    }
}
