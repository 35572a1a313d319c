namespace Ad.Tensors.Cpu;

internal sealed partial class GroupProgram
{
    // A node read where it lies.
    private bool IsDirect(int node) => Nodes[node] is Node.Load && !Constant[node] && Readers[node] is null;

    // A register is free again after the last step that reads it, for the steps after that, so that all of a block stays near. Constants, and what is read
    // after all steps, keep theirs. Returns where the last one ends.
    private int Allocate(Predicate<int> needed)
    {
        var end = 0;
        for (var i = 0; i < Scattered.Length; i++)
        {
            // Those that lie beside each other are turned over together, for which their registers must follow each other.
            if (Beside[i] != 1)
            {
                end = Place(Scattered[i].Node, end);
            }
        }

        for (var i = 0; i < Nodes.Length; i++)
        {
            if (Constant[i] && needed(i))
            {
                end = Place(i, end);
            }
        }

        var dying = Dying();
        var free = new Dictionary<int, Stack<int>>();
        for (var step = 0; step < Steps.Length; step++)
        {
            foreach (var node in Written(Steps[step]))
            {
                if (Registers[node] >= 0 || !needed(node))
                {
                    continue;
                }

                if (free.TryGetValue(Nodes[node].Type.Size(), out var stack) && stack.TryPop(out var register))
                {
                    Registers[node] = register;
                }
                else
                {
                    end = Place(node, end);
                }
            }

            foreach (var node in dying[step].Where(node => Registers[node] >= 0 && !Constant[node]))
            {
                var size = Nodes[node].Type.Size();
                if (!free.TryGetValue(size, out var stack))
                {
                    free[size] = stack = new Stack<int>();
                }

                stack.Push(Registers[node]);
            }
        }

        return end;
    }

    private int Place(int node, int at)
    {
        Registers[node] = at;
        return at + Nodes[node].Type.Size();
    }

    // The nodes by the last step that reads or writes them.
    private ILookup<int, int> Dying()
    {
        var last = new int[Nodes.Length];
        for (var step = 0; step < Steps.Length; step++)
        {
            foreach (var node in Written(Steps[step]).Concat(Read(Steps[step])))
            {
                last[node] = step;
            }
        }

        foreach (var node in Kept)
        {
            last[node] = int.MaxValue;
        }

        return Enumerable.Range(0, Nodes.Length).ToLookup(node => last[node]);
    }

    private static int[] Written(GroupStep step) => step.Segment?.Writes ?? [step.Node];

    private int[] Read(GroupStep step) => step.Segment?.Reads ?? Nodes[step.Node].Operands.Values.ToArray();
}
