namespace Ad.Functional

open System.Collections.Generic

/// A node on the way, with its inputs, and which of them comes next.
[<Struct>]
type internal Visit<'n> =
    { Visited: 'n; Behind: 'n[]; Next: int }

/// Walks expression graphs, of any depth.
[<RequireQualifiedAccess>]
module internal Walk =
    /// The mark of a node that a walk came to and did not enter.
    [<Literal>]
    let Outside = System.Int32.MaxValue

    /// Adds to a list the nodes behind a root that are entered and bear no mark yet, as postOrder says, and marks each with its place in the list. What is
    /// not entered is marked Outside, unless `enter` marks it.
    let add
        (marks: Marks)
        (stack: Stack<Visit<'n>>)
        (sorted: List<struct ('n * 'n[])>)
        (enter: 'n -> 'n[] voption)
        (root: 'n :> Node)
        : unit =
        let inline visit (node: 'n) =
            if marks.Find node < 0 then
                marks.Put(node, Outside)

                match enter node with
                | ValueSome inputs ->
                    stack.Push
                        { Visited = node
                          Behind = inputs
                          Next = 0 }
                | ValueNone -> ()

        visit root

        while stack.Count > 0 do
            let at = stack.Pop()

            if at.Next < at.Behind.Length then
                stack.Push { at with Next = at.Next + 1 }
                visit at.Behind[at.Next]
            else
                marks.Put(at.Visited, sorted.Count)
                sorted.Add(struct (at.Visited, at.Behind))

    /// The nodes behind the roots that are entered, with their inputs, each after its inputs, in an order that only the graph decides. A node is
    /// entered when `enter` gives its inputs, which is asked once; what is not entered ends the walk there.
    let postOrder (enter: 'n -> 'n[] voption) (roots: 'n seq) : List<struct ('n * 'n[])> when 'n :> Node =
        use marks = new Marks()
        let stack = Stack<Visit<'n>>()
        let sorted = List<struct ('n * 'n[])>()

        for root in roots do
            add marks stack sorted enter root

        sorted
