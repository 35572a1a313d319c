module Properties.LinalgLaws

open System
open Xunit
open Ad.Checks
open Ad.Functional

let private key = Key.ofSeed 31L
let private random shape = Random.normal (Key.foldIn (Seq.sum shape) key) shape

let private close (expected: Tensor) (actual: Tensor) =
    Assert.Equal<int list>(Tensor.shape expected, Tensor.shape actual)

    Assert.True(
        Tensor.toScalar (Tensor.sum (abs (expected - actual))) < 1e-12,
        $"expected {expected}, got {actual}"
    )

/// The sum over all letters, one product at a time.
let private oracle (inputs: string list) (output: string) (tensors: Tensor list) =
    let sizes =
        Map
            [ for labels, t in Seq.zip inputs tensors do
                  yield! Seq.zip labels t.Shape ]

    let letters = sizes |> Map.toList
    let total = Collections.Generic.Dictionary<int list, float>()

    let rec walk (bound: Map<char, int>) rest =
        match rest with
        | (l, size) :: rest ->
            for i in 0 .. size - 1 do
                walk (Map.add l i bound) rest
        | [] ->
            let factor (labels: string) (t: Tensor) = Tensor.toScalar t[[| for l in labels -> bound[l] |]]
            let place = [ for l in output -> bound[l] ]
            let product = List.map2 factor inputs tensors |> List.fold (*) 1.0

            total[place] <-
                product
                + (match total.TryGetValue place with
                   | true, sum -> sum
                   | _ -> 0.0)

    walk Map.empty letters
    let shape = [ for l in output -> sizes[l] ]

    let rec places =
        function
        | [] -> [ [] ]
        | n :: rest ->
            [ for i in 0 .. n - 1 do
                  for tail in places rest -> i :: tail ]

    Tensor.ofArray shape [| for place in places shape -> total[place] |]

let private sizeOf (letter: char) = 2 + (int letter - int 'a') % 3

let formulas () =
    TheoryData<string>(
        [ "ij,jk->ik"
          "ij,jk->ki"
          "bij,bjk->bik"
          "ij->ji"
          "ii->i"
          "ii->"
          "ij->"
          "ij,ij->"
          "i,j->ij"
          "i,i,i->i"
          "ab,bc,cd->ad"
          "ab,ab,b->a"
          "abc,ad,db->c"
          "aab,b->a"
          "a,b,c->cab"
          "ab,cd->"
          "bij,jk,bk->bi" ]
    )

[<Theory; MemberData(nameof formulas)>]
let ``einsum is the sum over all letters, and its derivatives follow`` (formula: string) =
    let sides = formula.Split "->"
    let inputs = sides[0].Split ',' |> List.ofArray
    let shapes = inputs |> List.map (fun labels -> [ for l in labels -> sizeOf l ])
    let tensors = shapes |> List.mapi (fun i shape -> Random.normal (Key.foldIn i key) shape)
    close (oracle inputs sides[1] tensors) (Linalg.einsum formula tensors)

    let entry =
        { Name = formula
          IsLinear = inputs.Length = 1
          Forms =
            [ fun _ ->
                  { Text = formula
                    Inputs =
                      shapes
                      |> List.map (fun shape ->
                          { Shape = shape
                            Domain = Between(-1.0, 1.0) })
                    Apply = Linalg.einsum formula } ] }

    for law in Laws.all do
        let result = GradientCheck.Try(entry, law, 5, null)
        Assert.True(result.Passed, result.Message)

[<Fact>]
let ``without an arrow the result has the letters that stand once, in order`` () =
    let a, b = random [ 2; 3 ], random [ 3; 4 ]
    close (Tensor.matmul a b) (Linalg.einsum "ij,jk" [ a; b ])
    close (Tensor.transpose a) (Linalg.einsum "ba" [ a ])

[<Fact>]
let ``letters that do not fit are refused where they stand`` () =
    let refused formula tensors =
        Assert.Throws<ArgumentException>(fun () -> Linalg.einsum formula tensors |> ignore).Message

    Assert.Contains(
        "j stands for size 3 in float64[2, 3] and 4",
        refused "ij,jk->ik" [ random [ 2; 3 ]; random [ 4; 2 ] ]
    )

    Assert.Contains("letter z", refused "ij->iz" [ random [ 2; 3 ] ])
    Assert.Contains("2 tensors, but 1", refused "ij,jk->ik" [ random [ 2; 3 ] ])
    Assert.Contains("'ijk'", refused "ijk->i" [ random [ 2; 3 ] ])
    Assert.Contains("twice", refused "ij->ii" [ random [ 2; 2 ] ])
    Assert.Contains("i stands for sizes 2 and 3", refused "ii->i" [ random [ 2; 3 ] ])

[<Fact>]
let ``diagonals, triangles and the Kronecker product are what they are`` () =
    let m = Tensor.matrix [ [ 1.0; 2.0 ]; [ 3.0; 4.0 ] ]
    Assert.Equal(Tensor.vector [ 1.0; 4.0 ], Linalg.diagonal m)
    Assert.Equal(Tensor.matrix [ [ 1.0; 0.0 ]; [ 0.0; 4.0 ] ], Linalg.diag (Linalg.diagonal m))
    Assert.Equal(Tensor.matrix [ [ 1.0; 2.0 ]; [ 0.0; 4.0 ] ], Linalg.triu 0 m)
    Assert.Equal(Tensor.matrix [ [ 0.0; 0.0 ]; [ 3.0; 0.0 ] ], Linalg.tril -1 m)
    Assert.Equal(m, Linalg.triu 1 m + Linalg.tril 0 m)
    let k = Linalg.kron m (Tensor.eye Float64 2)
    Assert.Equal<float[]>([| 1.0; 0.0; 2.0; 0.0 |], Tensor.toArray<float> k[0])
    // (A x B)(C x D) = AC x BD.
    let a, b, c, d = random [ 2; 3 ], random [ 4; 2 ], random [ 3; 2 ], random [ 2; 5 ]
    close (Linalg.kron (a *@ c) (b *@ d)) (Linalg.kron a b *@ Linalg.kron c d)
    close (a *@ c) (Linalg.tensordot [ 1 ] [ 0 ] a c)

[<Fact>]
let ``three dots in einsum stand for axes that broadcast`` () =
    let a, b = random [ 2; 1; 3; 4 ], random [ 5; 4; 2 ]
    close (Tensor.matmul a b) (Linalg.einsum "...ij,...jk->...ik" [ a; b ])
    close (Tensor.matmul a b) (Linalg.einsum "... i j, ... j k" [ a; b ])
    close (Tensor.sumOver [ 1 ] (random [ 3; 2 ])) (Linalg.einsum "...i->..." [ random [ 3; 2 ] ])
    close (random [ 3; 2 ] * 2.0) (Linalg.einsum ",...->..." [ Tensor.scalar 2.0; random [ 3; 2 ] ])

    let refused =
        Assert.Throws<ArgumentException>(fun () -> Linalg.einsum "...i->i" [ random [ 2; 3 ] ] |> ignore)

    Assert.Contains("...", refused.Message)

[<Fact>]
let ``the Kronecker product of fewer axes has axes of size 1 put before`` () =
    let v, m = Tensor.vector [ 1.0; 2.0 ], random [ 2; 3 ]
    close (Tensor.vector [ 3.0; 4.0; 6.0; 8.0 ]) (Linalg.kron v (Tensor.vector [ 3.0; 4.0 ]))
    close (Tensor.concat 1 [ m; 2.0 * m ]) (Linalg.kron v m)
    close (3.0 * v) (Linalg.kron (Tensor.scalar 3.0) v)
