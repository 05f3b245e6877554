# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/scripted_orchestrator"

# A worker over real sockets, with an orchestrator that does what the test says.
class WorkerTest < Minitest::Test
  include TaskerWorker

  # A handler that waits here until the test lets it go on.
  class Gate
    def initialize
      @started = Thread::Queue.new
      @answers = Thread::Queue.new
    end

    def call(step)
      @started << step
      @answers.pop
    end

    # @return [Step]
    def started = @started.pop

    def open(answer) = @answers << answer
  end

  def setup
    @orchestrator = ScriptedOrchestrator.new
    @worker = new_worker(worker_id: "w1")
    @gate = Gate.new
    @worker.handle("echo", &:context)
    @worker.handle("gated", @gate)
  end

  def teardown
    4.times { @gate.open(nil) }
    begin
      @worker.stop
    rescue WorkerRefused
      nil
    end
    @orchestrator.close
  end

  def new_worker(**options)
    Worker.new(**@orchestrator.endpoints, log_level: :silent, drain_ms: 2_000, flush_ms: 1_000, **options)
  end

  # @return [String] the session
  def connect
    @worker.start
    @orchestrator.session
  end

  def run_one(**item)
    @orchestrator.results(@orchestrator.send_batch(connect, item)).first
  end

  # ---------------------------------------------------------------------------------------------------- running steps

  def test_runs_a_batch_and_answers_it
    leases = @orchestrator.send_batch(connect, *(1..10).map { |n| { context: { "n" => n } } })
    results = @orchestrator.results(leases)
    assert_equal((1..10).to_a, results.map { |result| result["output"]["n"] })
    assert_equal ["completed"], results.map { |result| result["status"] }.uniq
    assert_operator @orchestrator.all("results").size, :<=, 10
  end

  def test_steps_that_wait_run_at_the_same_time
    leases = @orchestrator.send_batch(connect, *Array.new(8) { { handler: "gated" } })
    8.times { @gate.started }
    8.times { |n| @gate.open(n) }
    assert_equal((0..7).to_a, @orchestrator.results(leases).map { |result| result["output"] }.sort)
  end

  def test_at_most_concurrency_steps_run_at_once
    running = most = 0
    lock = Mutex.new
    @worker = new_worker(worker_id: "w2", concurrency: 3)
    @worker.handle("counted") do
      lock.synchronize { most = [most, running += 1].max }
      sleep(0.002)
      lock.synchronize { running -= 1 }
      nil
    end
    leases = @orchestrator.send_batch(connect, *Array.new(30) { { handler: "counted" } })
    @orchestrator.results(leases)
    assert_equal 3, most
  end

  def test_a_result_does_not_wait_for_the_rest_of_its_batch
    leases = @orchestrator.send_batch(connect, { handler: "gated" }, { context: { "n" => 1 } })
    assert_equal({ "n" => 1 }, @orchestrator.results(leases.last(1)).first["output"])
    @gate.open("done")
    assert_equal "done", @orchestrator.results(leases).first["output"]
  end

  def test_a_handler_sees_its_attempt
    seen = nil
    @worker.handle("sees") do |step|
      seen = [step.context, step.config, step.previous_results, step.attempt, step.max_attempts, step.last_attempt?, step.step_name,
              step.timeout_ms, step.cursor]
      step.idempotency_key
    end
    result = run_one(handler: "sees", context: { "id" => 12_345_678_901_234_567_890 }, config: { "a" => 1 }, attempt: 3, checkpoint: { "at" => 7 },
                     previous_results: { "first" => { "__proto__" => 1 } })
    assert_equal [{ "id" => 12_345_678_901_234_567_890 }, { "a" => 1 }, { "first" => { "__proto__" => 1 } }, 3, 3, true, "a_step", 30_000,
                  { "at" => 7 }], seen
    assert_equal "task:1", result["output"]
  end

  def test_the_class_form_runs_with_its_version
    handler = Class.new do
      def self.name = "ReserveInventoryHandler"

      def process(task, sequence, step)
        { order: task.context[:order_id], same: task.context["order_id"], status: sequence.result_of("validate_order")[:status],
          step_results: sequence.find_step_by_name("validate_order").results["status"], strict: step.config[:strict], name: step.name }
      end
    end
    handler.const_set(:VERSION, "1.1.0")
    @worker.handle("seed", handler)
    result = run_one(handler: "seed", context: { "order_id" => 5 }, config: { "strict" => true },
                     previous_results: { "validate_order" => { "status" => "ok" } })
    assert_equal({ "order" => 5, "same" => 5, "status" => "ok", "step_results" => "ok", "strict" => true, "name" => "a_step" }, result["output"])
    assert_equal "1.1.0", result["metadata"]["handler_version"]
  end

  def test_a_class_that_is_given_by_name_is_looked_up_for_every_attempt
    @worker.handle("named", "WorkerTest::ReloadedHandler")
    session = connect
    answers = %w[old new].map do |text|
      WorkerTest.send(:remove_const, :ReloadedHandler) if WorkerTest.const_defined?(:ReloadedHandler)
      WorkerTest.const_set(:ReloadedHandler, Class.new { define_method(:process) { |_task, _sequence, _step| text } })
      @orchestrator.results(@orchestrator.send_batch(session, { handler: "named" })).first["output"]
    end
    assert_equal %w[old new], answers
  end

  def test_payloads_come_back_unchanged
    context = { "big" => 2**70, "text" => "Zoë 東京 🚚 \u0000", "nested" => [[{}], [], nil, true, 1.5], "__proto__" => { "a" => 1 } }
    assert_equal context, run_one(context: context)["output"]
  end

  def test_lone_surrogates_come_back_unchanged
    text = '"\\ud83d\\ude9a \\ud800A \\udc00 \\ud83d\\ud83d\\ude9a \\\\ud800"'
    leases = @orchestrator.send_batch(connect, { context: { "text" => "PLACE" } }) { |frame| frame.sub('"PLACE"') { text } }
    assert_equal({ "text" => JsonText.parse(text) }, @orchestrator.results(leases).first["output"])
  end

  def test_message_pack_is_spoken_both_ways_once_the_orchestrator_has_chosen_it
    @orchestrator.codec = "msgpack"
    @worker = new_worker(worker_id: "w2", codec: "msgpack")
    @worker.handle("saves") do |step|
      step.heartbeat("done" => 1)
      step.checkpoint(step.context)
      step.context
    end
    context = { "id" => 2**70, "text" => "Zoë" }
    leases = @orchestrator.send_batch(connect, { handler: "saves", context: context }) { |frame| packed(frame) }
    assert_equal context, @orchestrator.results(leases).first["output"]
    kinds = @orchestrator.heard.group_by { |message| message["type"] }.transform_values { |some| some.map { |one| one["message_pack"] }.uniq }
    assert_equal({ "hello" => [false], "heartbeat" => [true], "results" => [true] }, kinds)
    assert_equal %w[msgpack json], @orchestrator.all("hello").first["codecs"]
    assert_equal(context, @orchestrator.all("heartbeat").flat_map { |one| one["checkpoints"] }.first["cursor"])
  end

  # The same message in MessagePack, its payloads as text.
  def packed(frame)
    topic, text = frame.split(" ", 2)
    message = JSON.parse(text)
    message["steps"].each { |step| %w[handler_config task_context previous_results].each { |name| step[name] = JSON.generate(step[name]) } }
    "#{topic} ".b << Codec::MessagePack.pack(message)
  end

  # ------------------------------------------------------------------------------------------------------------ failing

  def test_errors_become_failed_results_and_the_worker_goes_on
    @worker.handle("retryable") { raise RetryableError.new("later", retry_after: 2, code: "busy") }
    @worker.handle("permanent") { raise PermanentError.new("no", code: :card_declined) }
    @worker.handle("ordinary") { raise ArgumentError, "oops" }
    @worker.handle("missing") { raise NotImplementedError, "nobody wrote it" }
    @worker.handle("endless") { |step| endless(step) }
    @worker.handle("leaves") { Thread.exit }
    names = %w[retryable permanent ordinary missing endless leaves]
    results = @orchestrator.results(@orchestrator.send_batch(connect, *names.map { |name| { handler: name } }))
    assert_equal(%w[busy card_declined handler_error handler_error handler_error handler_error], results.map { |one| one["error"]["code"] })
    assert_equal([true, false, true, true, true, true], results.map { |one| one["metadata"]["retryable"] })
    assert_equal 2_000, results[0]["metadata"]["retry_after_ms"]
    assert_equal "ArgumentError", results[2]["error"]["type"]
    assert_equal ["SystemStackError", "the handler ended its thread"], [results[4]["error"]["type"], results[5]["error"]["message"]]
  end

  def endless(step) = endless(step)

  def test_an_output_that_cannot_be_sent_fails_its_step_and_nothing_else
    circle = []
    circle << circle
    outputs = { "circle" => circle, "nan" => Float::NAN, "bytes" => "\xff\xfe".b, "object" => Object.new, "large" => "x" * (5 << 20) }
    outputs.each { |name, output| @worker.handle(name) { output } }
    results = @orchestrator.results(@orchestrator.send_batch(connect, *outputs.keys.map { |name| { handler: name } }))
    assert_equal(%w[not_json not_json not_json not_json output_too_large], results.map { |one| one["error"]["code"] })
  end

  # ---------------------------------------------------------------------------------------------- timeouts, cancelling

  def test_a_timeout_is_reported_and_the_late_answer_follows_it
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "gated", timeout_ms: 50 })
    step = @gate.started
    assert_equal "timeout", @orchestrator.results(leases).first["error"]["code"]
    assert_predicate step, :cancelled?
    @orchestrator.await("a smaller capacity") { @orchestrator.all("heartbeat").last&.fetch("capacity") == 99 }
    from = @orchestrator.heard.size
    @gate.open("late")
    assert_equal "late", @orchestrator.results(leases, from: from).first["output"]
    @orchestrator.await("the capacity again") { @orchestrator.all("heartbeat").last&.fetch("capacity") == 100 }
  end

  def test_handlers_that_never_end_leave_room_for_one
    @worker = new_worker(worker_id: "w2", concurrency: 1)
    @worker.handle("gated", @gate)
    @worker.handle("echo", &:context)
    session = connect
    stuck = @orchestrator.send_batch(session, { handler: "gated", timeout_ms: 30 })
    @orchestrator.results(stuck)
    assert_equal({ "n" => 1 }, @orchestrator.results(@orchestrator.send_batch(session, { context: { "n" => 1 } })).first["output"])
  end

  def test_a_cancelled_handler_that_stops_is_reported_as_cancelled
    stopping = Thread::Queue.new
    @worker.handle("waits") do |step|
      stopping << step
      step.wait(60)
    end
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "waits" })
    stopping.pop
    @orchestrator.say(session, type: "cancel", lease_ids: leases, reason: "task cancelled")
    result = @orchestrator.results(leases).first
    assert_equal ["cancelled", "task cancelled", false], [*result["error"].values_at("code", "message"), result["metadata"]["retryable"]]
  end

  def test_a_cancelled_handler_that_ends_all_the_same_is_believed
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "gated" })
    step = @gate.started
    @orchestrator.say(session, type: "cancel", lease_ids: leases, reason: "task cancelled")
    assert_raises(Cancelled) { step.wait(10) }
    @gate.open("done")
    assert_equal "done", @orchestrator.results(leases).first["output"]
  end

  def test_a_cancelled_step_that_has_not_begun_never_does
    @worker = new_worker(worker_id: "w2", concurrency: 1)
    runs = 0
    @worker.handle("gated", @gate)
    @worker.handle("counts") { runs += 1 }
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "gated" }, { handler: "counts" })
    @gate.started
    @orchestrator.say(session, type: "cancel", lease_ids: [leases[1]], reason: "task cancelled")
    assert_equal "cancelled", @orchestrator.results([leases[1]]).first["error"]["code"]
    @gate.open(nil)
    @orchestrator.results(leases)
    assert_equal 0, runs
  end

  # ------------------------------------------------------------------------------------------ progress and checkpoints

  def test_progress_travels_with_heartbeats
    @worker.handle("tells") do |step|
      step.heartbeat("done" => 1)
      @gate.call(step)
    end
    leases = @orchestrator.send_batch(connect, { handler: "tells" })
    reports = @orchestrator.await("progress") do
      @orchestrator.all("heartbeat").map { |one| one["progress"] }.find { |progress| !progress.empty? }
    end
    assert_equal [{ "lease_id" => leases[0], "progress" => { "done" => 1 } }], reports
  end

  def test_progress_that_cannot_be_sent_does_not_fail_the_step
    @worker.handle("tells") do |step|
      step.heartbeat("x" * 70_000)
      step.heartbeat(Float::NAN)
      "ended"
    end
    assert_equal "ended", run_one(handler: "tells")["output"]
  end

  def test_a_checkpoint_returns_once_it_is_confirmed
    @worker.handle("saves") do |step|
      3.times { |n| step.checkpoint("position" => n) }
      "saved"
    end
    assert_equal "saved", run_one(handler: "saves")["output"]
    sent = @orchestrator.all("heartbeat").flat_map { |one| one["checkpoints"] }.map { |one| [one["seq"], one["cursor"]["position"]] }
    assert_equal [[1, 0], [2, 1], [3, 2]], sent.uniq
  end

  def test_a_checkpoint_that_is_refused_fails_its_call
    @orchestrator.refuses_checkpoints = "stale_lease"
    @worker.handle("saves") { |step| step.checkpoint(1) }
    error = run_one(handler: "saves")["error"]
    assert_equal ["TaskerWorker::CheckpointRefused", "the checkpoint was refused: stale_lease"], error.values_at("type", "message")
  end

  def test_a_checkpoint_that_is_too_large_is_not_sent
    @worker.handle("saves") { |step| step.checkpoint("x" * 70_000) }
    assert_equal "the checkpoint was refused: too_large", run_one(handler: "saves")["error"]["message"]
  end

  # ------------------------------------------------------------------------------------ lost, doubled and wrong messages

  def test_a_doubled_batch_runs_once
    runs = 0
    @worker.handle("counts") { runs += 1 }
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "counts" })
    @orchestrator.send_again
    @orchestrator.results(leases)
    @orchestrator.send_again
    @orchestrator.results(@orchestrator.send_batch(session, {}))
    assert_equal 1, runs
  end

  def test_a_result_is_sent_again_until_it_is_acknowledged_and_listed_meanwhile
    @orchestrator.acknowledges = false
    session = connect
    leases = @orchestrator.send_batch(session, { context: { "n" => 1 } })
    first = @orchestrator.results(leases)
    @orchestrator.await("the lease") { @orchestrator.all("heartbeat").find { |one| one["leases"] == leases } }
    from = @orchestrator.heard.size
    assert_equal first, @orchestrator.results(leases, from: from)
    @orchestrator.say(session, type: "result_ack", lease_ids: leases)
    @orchestrator.await("an empty outbox") { @orchestrator.all("heartbeat").last["leases"].empty? }
  end

  def test_garbage_changes_nothing
    session = connect
    @orchestrator.send_frame("@#{session} {\"type\":")
    @orchestrator.send_frame("@#{session} \xff\xfe".b)
    @orchestrator.send_frame("@#{session} {\"type\":\"from_the_future\",\"protocol_version\":\"2.0\",\"orchestrator_id\":\"o1\",\"epoch\":\"e1\"}")
    leases = @orchestrator.send_batch(session, { handler: "nobody" }, { context: { "n" => 1 } })
    assert_equal({ "n" => 1 }, @orchestrator.results(leases.last(1)).first["output"])
    reject = @orchestrator.await("a reject") { @orchestrator.all("reject").first }
    assert_equal ["unknown_handler", leases.first(1)], reject.values_at("reason", "lease_ids")
  end

  # ---------------------------------------------------------------------------------------- the orchestrator goes away

  def test_a_restarted_orchestrator_is_told_what_runs_and_what_is_done
    @orchestrator.acknowledges = false
    leases = @orchestrator.send_batch(connect, { handler: "gated" }, {})
    @orchestrator.results([leases[1]])
    @orchestrator.unbind
    @orchestrator.epoch = "e2"
    @orchestrator.acknowledges = true
    from = @orchestrator.heard.size
    @orchestrator.bind
    hello = @orchestrator.await("a hello") { @orchestrator.all("hello", from: from).first }
    assert_equal [[leases[0]], [leases[1]]], hello.values_at("leases", "outbox")
    @orchestrator.results([leases[1]], from: from)
    @gate.open("done")
    assert_equal "done", @orchestrator.results([leases[0]], from: from).first["output"]
    @orchestrator.await("epoch e2") { @orchestrator.all("heartbeat", from: from).any? { |one| one["epoch"] == "e2" } }
  end

  def test_after_four_seconds_of_silence_it_comes_again_under_a_new_session
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "gated" })
    hello = @orchestrator.await("another session", within: 20) { @orchestrator.all("hello").find { |one| one["session"] != session } }
    assert_equal leases, hello["leases"]
    @orchestrator.await("the old session to be closed") { !@orchestrator.subscribed?(session) }
    @gate.open("done")
    @orchestrator.results(leases)
    assert_equal hello["session"], @orchestrator.all("results").first["session"]
  end

  def test_a_refusal_ends_the_worker_and_says_why
    @orchestrator.welcomes = false
    run = Thread.new { @worker.run }
    run.report_on_exception = false
    @orchestrator.say(@orchestrator.session, type: "refuse", reason: "duplicate_worker_id", detail: "w1 is connected")
    error = assert_raises(WorkerRefused) { run.value }
    assert_includes error.message, "duplicate_worker_id: w1 is connected; give every worker its own TASKER_WORKER_ID"
  end

  # ------------------------------------------------------------------------------------------------------------ leaving

  def test_stop_lets_handlers_end_gives_back_the_rest_waits_for_acks_and_says_bye
    @worker = new_worker(worker_id: "w2", concurrency: 1, drain_ms: 20_000)
    @worker.handle("gated", @gate)
    session = connect
    leases = @orchestrator.send_batch(session, { handler: "gated" }, { handler: "gated" })
    @gate.started
    stopped = Thread.new { @worker.stop }
    reject = @orchestrator.await("a reject") { @orchestrator.all("reject").first }
    assert_equal ["draining", [leases[1]]], reject.values_at("reason", "lease_ids")
    @orchestrator.await("capacity 0") { @orchestrator.all("heartbeat").last&.fetch("capacity")&.zero? }
    late = @orchestrator.send_batch(session, { handler: "gated" })
    @orchestrator.await("another reject") { @orchestrator.all("reject").any? { |one| one["lease_ids"] == late } }
    @gate.open("done")
    stopped.value
    @orchestrator.await("a bye") { @orchestrator.all("bye").size == 1 }
    assert_equal "bye", @orchestrator.heard.last["type"]
    assert_equal "done", @orchestrator.results([leases[0]]).first["output"]
  end

  def test_a_drain_that_the_orchestrator_asks_for_is_the_same
    run = Thread.new { @worker.run }
    @orchestrator.say(@orchestrator.session, type: "drain", reason: "maintenance")
    run.value
    @orchestrator.await("a bye") { @orchestrator.all("bye").size == 1 }
  end

  def test_handlers_that_do_not_end_are_left_behind_without_a_result
    @worker = new_worker(worker_id: "w2", drain_ms: 100)
    @worker.handle("gated", @gate)
    @orchestrator.send_batch(connect, { handler: "gated" })
    step = @gate.started
    @worker.stop
    assert_equal "the worker leaves", step.cancel_reason
    @orchestrator.await("a bye") { @orchestrator.all("bye").size == 1 }
    assert_empty @orchestrator.all("results")
  end

  def test_several_orchestrators_have_a_session_each_and_get_their_own_results
    other = ScriptedOrchestrator.new
    both = [@orchestrator, other]
    @worker = new_worker(worker_id: "w2", steps_endpoint: both.map { |one| one.endpoints[:steps_endpoint] },
                         results_endpoint: both.map { |one| one.endpoints[:results_endpoint] }.join(","))
    @worker.handle("echo", &:context)
    @worker.start
    answers = both.each_with_index.map { |one, at| one.results(one.send_batch(one.session, { context: { "at" => at } })).first["output"] }
    assert_equal [{ "at" => 0 }, { "at" => 1 }], answers
    @worker.stop
    both.each { |one| one.await("a bye") { one.all("bye").size == 1 } }
  ensure
    other&.close
  end

  # --------------------------------------------------------------------------------------------------------- wrong use

  def test_wrong_use_of_handle_is_refused
    assert_match(/there is such a handler already/, assert_raises(ArgumentError) { @worker.handle("echo") { 1 } }.message)
    assert_match(/no spaces/, assert_raises(ArgumentError) { @worker.handle("two words") { 1 } }.message)
    assert_match(/expected a block, something with call/, assert_raises(ArgumentError) { @worker.handle("x", Object.new) }.message)
    connect
    assert_match(/runs already/, assert_raises(RuntimeError) { @worker.handle("later") { 1 } }.message)
    assert_match(/runs already/, assert_raises(RuntimeError) { @worker.start }.message)
  end

  def test_a_worker_without_handlers_is_refused
    assert_match(/no handlers/, assert_raises(RuntimeError) { new_worker.start }.message)
  end
end
