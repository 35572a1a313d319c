namespace Ad.Tensors;

/// <summary>What a program takes, and whether that is what it was given.</summary>
internal static class ProgramInputs
{
    /// <summary>The input instruction of each argument; null of one that nothing reads.</summary>
    public static Instruction?[] Of(Program program)
    {
        var inputs = new List<Instruction?>();
        foreach (var instruction in program.Instructions)
        {
            if (instruction.Operation is Operation.Input input)
            {
                while (inputs.Count <= input.Index)
                {
                    inputs.Add(null);
                }

                inputs[input.Index] = instruction;
            }
        }

        return [.. inputs];
    }

    /// <summary>Looks whether arguments are as many, and of the types and shapes, as the inputs say.</summary>
    /// <exception cref="ArgumentException">They are not.</exception>
    public static void Check(ReadOnlySpan<Instruction?> inputs, ReadOnlySpan<Storage> arguments)
    {
        if (arguments.Length < inputs.Length)
        {
            throw new ArgumentException($"The program takes {inputs.Length} arguments, but {arguments.Length} were given.", nameof(arguments));
        }

        for (var i = 0; i < inputs.Length; i++)
        {
            if (inputs[i] is { } input && (arguments[i].Type != input.Type || !arguments[i].Shape.Equals(input.Shape)))
            {
                throw new ArgumentException(
                    $"Argument {i} of the program is {input.Type.Name()}{input.Shape}, but {arguments[i].Type.Name()}{arguments[i].Shape} was given.",
                    nameof(arguments));
            }
        }
    }

    /// <summary>Looks whether the room offered for results is nobody else's.</summary>
    /// <exception cref="ArgumentException">It is offered twice, or is an argument's that the result may not replace.</exception>
    public static void Check(ReadOnlySpan<Storage?> room, ReadOnlySpan<Storage> arguments, Func<int, int, bool> mayReplace)
    {
        for (var result = 0; result < room.Length; result++)
        {
            if (room[result] is not { } given)
            {
                continue;
            }

            for (var argument = 0; argument < arguments.Length; argument++)
            {
                if (arguments[argument].Memory == given.Memory && !mayReplace(argument, result))
                {
                    throw new ArgumentException($"Result {result} may not be written over argument {argument}, which is read later.", nameof(room));
                }
            }

            for (var other = 0; other < result; other++)
            {
                if (room[other]?.Memory == given.Memory)
                {
                    throw new ArgumentException($"The results {other} and {result} were given the same memory.", nameof(room));
                }
            }
        }
    }
}
