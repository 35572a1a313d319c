// xunit marks the constructor that it calls itself as nobody else's.
#nowarn "44"

namespace Ad.Checks.Xunit

open System
open System.Collections.Generic
open System.Diagnostics
open System.Threading.Tasks
open Ad.Checks
open Xunit
open Xunit.Sdk
open Xunit.v3

/// <summary>
/// Marks a test: a function of tensors with a tensor as result, whose derivatives are tried with random shapes and elements. Drawn on a parameter
/// says which; without it they are matrices of one shape.
/// </summary>
/// <remarks>A failure prints the smallest case, the AD_REPLAY that repeats it, and a script that shows it. AD_CASES changes the number of cases.</remarks>
[<Sealed; AttributeUsage(AttributeTargets.Method); XunitTestCaseDiscoverer(typeof<GradientPropertyDiscoverer>)>]
type GradientPropertyAttribute() =
    inherit FactAttribute(null, -1)

    /// Random cases for each law.
    member val Cases = 50 with get, set

/// A law of gradients does not hold for a marked function; the message is the report.
and [<Sealed>] GradientPropertyException(report: string) =
    inherit Exception(report)

/// Runs the laws in place of the method.
and [<Sealed>] internal GradientPropertyRunner(cases: int) =
    inherit XunitTestRunner()

    override _.InvokeTest(context, instance) =
        let clock = Stopwatch.StartNew()

        // What xunit would refuse is a method with parameters and no arguments for them.
        context.Aggregator.Run(fun () ->
            match GradientProperties.check cases context.TestMethod instance with
            | None -> ()
            | Some report -> raise (GradientPropertyException report))

        ValueTask<TimeSpan> clock.Elapsed

/// Hands each test to the runner above.
and [<Sealed>] internal GradientPropertyCaseRunner(cases: int) =
    inherit XunitTestCaseRunner()

    override _.RunTest(context, test) =
        GradientPropertyRunner(cases)
            .Run(
                test,
                context.MessageBus,
                context.ConstructorArguments,
                context.ExplicitOption,
                context.Aggregator.Clone(),
                context.CancellationTokenSource,
                context.BeforeAfterTestAttributes
            )

/// A marked function, as xunit keeps it.
and [<Sealed>] GradientPropertyCase =
    inherit XunitTestCase

    /// For xunit, which fills it from its serialized form.
    new() = { inherit XunitTestCase() }

    internal new
        (
            m,
            displayName,
            id,
            isExplicit,
            skipExceptions,
            skip,
            skipType,
            skipUnless,
            skipWhen,
            traits,
            timeout: int
        ) =
        { inherit
            XunitTestCase(
                m,
                displayName,
                id,
                isExplicit,
                skipExceptions,
                skip,
                skipType,
                skipUnless,
                skipWhen,
                traits,
                null,
                null,
                Nullable(),
                Nullable timeout
            ) }

    interface ISelfExecutingXunitTestCase with
        member c.Run(explicitOption, bus, constructorArguments, aggregator, cancellation) =
            let cases =
                c.TestMethod.FactAttributes
                |> Seq.tryPick (function
                    | :? GradientPropertyAttribute as a -> Some a.Cases
                    | _ -> None)
                |> Option.defaultValue 50

            let run () =
                task {
                    let! tests = c.CreateTests()

                    return!
                        GradientPropertyCaseRunner(cases)
                            .Run(
                                c,
                                tests,
                                bus,
                                aggregator,
                                cancellation,
                                c.TestCaseDisplayName,
                                c.SkipReason,
                                explicitOption,
                                constructorArguments
                            )
                }

            ValueTask<RunSummary>(run ())

/// Finds marked functions for xunit.
and [<Sealed>] GradientPropertyDiscoverer() =
    interface IXunitTestCaseDiscoverer with
        member _.Discover(options, m, attribute) =
            let struct (displayName, isExplicit, skipExceptions, skip, skipType, skipUnless, skipWhen, _, _,
                        timeout, id, resolved) =
                TestIntrospectionHelper.GetTestCaseDetails(
                    options,
                    m,
                    attribute,
                    null,
                    Nullable(),
                    null,
                    null
                )

            let traits = TestIntrospectionHelper.GetTraits(m, null)

            let case =
                new GradientPropertyCase(
                    resolved,
                    displayName,
                    id,
                    isExplicit,
                    skipExceptions,
                    skip,
                    skipType,
                    skipUnless,
                    skipWhen,
                    traits,
                    timeout
                )

            ValueTask<IReadOnlyCollection<IXunitTestCase>>(
                [| case :> IXunitTestCase |] :> IReadOnlyCollection<_>
            )
