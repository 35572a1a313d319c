namespace Ad.Functional

open Ad.Tensors

/// A stretch of the expression graph as a program, with what it needs and what it gives.
type internal Lowered =
    {
        Program: Program
        /// The values of the program's inputs, in order; null for a jit argument.
        Arguments: (Storage | null)[]
        /// The jit arguments among the inputs.
        Placeholders: Node[]
        /// The nodes whose values are the program's outputs, in order.
        Outputs: Node[]
    }

/// What a listing says but for the values: listings of one form become one program, which takes and gives the same in the same order.
type internal Form =
    {
        Leaves: Signature[]
        /// The operation of each node; null where it only passes its first input on.
        Ops: (Op | null)[]
        Signatures: Signature[]
        /// The numbers of all inputs, one node's after another's, and where each node's end.
        Operands: int[]
        Ends: int[]
        /// The numbers of the outputs.
        Asked: int[]
    }
