# frozen_string_literal: true

require_relative "test_helper"
require_relative "support/orchestrator_decoder"

# The state machine by itself: its clock, its chance and its wire are the test's.
class SessionTest < Minitest::Test
  include TaskerWorker

  # What the session is given of the world.
  class World
    attr_accessor :now
    attr_reader :opened, :closed_with, :said, :ran, :events

    def initialize
      @now = 1_000.0
      @opened = []
      @said = []
      @ran = []
      @events = []
      @random = Random.new(1)
    end

    def rand = @random.rand
    def hex = @random.bytes(4).unpack1("H*")
    def open(session) = @opened << session
    def send_frame(frame) = @said << TaskerWorker::OrchestratorDecoder.decode(frame)
    def close(linger_ms) = @closed_with = linger_ms
    def run_steps(steps) = @ran.concat(steps)
    def cancel(lease_ids, reason) = @events << "cancel #{lease_ids.join(",")} #{reason}"
    def drain_requested(reason) = @events << "drain #{reason}"
    def refused(reason, detail) = @events << "refused #{reason} #{detail}"
    def closed = @events << "closed"
  end

  def setup
    @world = World.new
    @batches = 0
    terms = Session::Terms.new(worker_id: "w1", pool: "default", version: "1", handlers: ["work"], capacity: 2, codecs: %w[json])
    @session = Session.new(terms, wire: @world, events: @world, clock: @world.method(:now), random: @world, log: Log.silent)
  end

  def hear(**message)
    whole = { protocol_version: "2.0", orchestrator_id: "o1", epoch: "e1", **message }
    @session.receive("@#{@session.name} #{JSON.generate(whole)}")
  end

  def welcome(epoch = "e1", **changes)
    hear(type: "welcome", epoch: epoch, version: "2.0", codec: "json", heartbeat_ms: 1_000,
         limits: { max_message_bytes: 1 << 24, max_output_bytes: 1 << 22, max_steps_per_batch: 10 }, **changes)
  end

  # @return the leases
  def hear_batch(count, seq: 1, batch_id: "batch_#{@batches += 1}", **options)
    items = (1..count).map { |id| Items.item(lease_id: "#{batch_id}.#{id}", step_id: id, **options) }
    batch = { batch_id: batch_id, protocol_version: "2.0", type: "batch", seq: seq, steps: items }
    @session.receive("@#{@session.name} #{JSON.generate(batch)}")
    items.map { |item| item["metadata"]["lease_id"] }
  end

  def step_of(lease_id) = @world.ran.find { |step| step.lease_id == lease_id }

  def complete(*leases, output: 1)
    @session.finish(leases.map { |lease| Outcome.returned(step_of(lease), output) })
  end

  def time_out(lease)
    @session.finish([Outcome.timed_out(step_of(lease))])
  end

  # Moves time on, ticking whenever the session wants to. @return what it said meanwhile
  def advance(milliseconds)
    from = said.size
    stop = @world.now + milliseconds
    while @session.wakes_at <= stop
      @world.now = [@world.now, @session.wakes_at].max
      @session.tick
    end
    @world.now = stop
    @session.tick
    said.drop(from)
  end

  def ready
    @session.start
    advance(10)
    welcome
    said.clear
  end

  def said = @world.said
  def types(messages = said) = messages.map { |message| message["type"] }
  def results_in(messages = said) = messages.select { |message| message["type"] == "results" }.flat_map { |message| message["results"] }

  # ------------------------------------------------------------------------------------------------------ saying hello

  def test_says_hello_a_moment_after_connecting_then_ever_more_rarely
    @session.start
    assert_equal :connecting, @session.state
    assert_equal [@session.name], @world.opened
    assert_match(/\Aw1-[0-9a-f]{8}\z/, @session.name)
    advance(9)
    assert_empty said
    at = (0...390).filter_map { @world.now unless advance(10).empty? }
    gaps = at.each_cons(2).map { |before, after| after - before }
    assert_operator gaps.size, :>=, 3
    gaps.each_with_index { |gap, index| assert_in_delta 250 * (2**index), gap, (50 * (2**index)) + 10 }
    assert_equal :hello, @session.state
  end

  def test_says_hello_at_once_when_asked_with_everything_that_it_holds
    ready
    running, done = hear_batch(2)
    complete(done)
    said.clear
    hear(type: "rehello", reason: "unknown_session")
    hello = said.fetch(0)
    assert_equal ["hello", "w1", [running], [done], 2, ["work"], "ruby"],
                 hello.values_at("type", "worker_id", "leases", "outbox", "capacity", "handlers", "language")
    assert_equal :hello, @session.state
  end

  def test_says_hello_to_a_restarted_orchestrator_whatever_tells
    ready
    hear(type: "ping", epoch: "e2")
    assert_equal ["hello"], types
    welcome("e2")
    assert_equal :ready, @session.state
    assert_equal(["e2"], advance(1_000).map { |message| message["epoch"] })
  end

  def test_never_comes_again_after_a_refusal
    @session.start
    advance(10)
    hear(type: "refuse", reason: "codec", detail: "json only")
    assert_equal ["refused codec json only"], @world.events
    assert_equal :closed, @session.state
    assert_equal 0, @world.closed_with
    assert_empty advance(60_000)
  end

  # ----------------------------------------------------------------------------------------------------------- silence

  def test_four_seconds_of_silence_mean_a_new_session_that_holds_the_same
    ready
    first = @session.name
    running, done = hear_batch(2)
    complete(done)
    advance(3_990)
    assert_equal first, @session.name
    advance(30)
    refute_equal first, @session.name
    assert_equal [first, @session.name], @world.opened
    assert_equal ["hello", @session.name, [running], [done]], said.last.values_at("type", "session", "leases", "outbox")
    welcome
    assert_equal ["results", @session.name], said.last.values_at("type", "session")
  end

  def test_whatever_is_heard_ends_the_silence_be_it_unreadable
    ready
    first = @session.name
    advance(3_500)
    hear(type: "ping")
    advance(3_500)
    @session.receive("garbage")
    advance(3_500)
    assert_equal first, @session.name
  end

  def test_time_in_which_the_process_stood_still_is_no_silence
    ready
    first = @session.name
    @world.now += 60_000
    @session.tick
    assert_equal first, @session.name
    advance(4_100)
    refute_equal first, @session.name
  end

  def test_silence_ends_in_new_sessions_for_as_long_as_it_lasts
    @session.start
    advance(20_500)
    assert_equal 6, @world.opened.uniq.size
  end

  # ----------------------------------------------------------------------------------------------------------- batches

  def test_a_batch_runs_once_however_often_it_comes
    ready
    lease, = hear_batch(1, batch_id: "batch_x")
    hear_batch(1, batch_id: "batch_x")
    complete(lease)
    hear_batch(1, batch_id: "batch_x")
    hear(type: "result_ack", lease_ids: [lease])
    hear_batch(1, batch_id: "batch_x")
    assert_equal [lease], @world.ran.map(&:lease_id)
  end

  def test_a_batch_in_several_messages_runs_whole
    ready
    hear_batch(1, batch_id: "batch_x")
    both = hear_batch(2, batch_id: "batch_x", seq: 2)
    assert_equal both, @world.ran.map(&:lease_id)
  end

  def test_a_batch_before_the_welcome_is_run_and_answered_after_it
    @session.start
    advance(10)
    lease, = hear_batch(1)
    complete(lease)
    assert_equal ["hello"], types
    welcome
    assert_equal %w[hello results], types
  end

  def test_batches_out_of_order_count_with_the_highest_seq
    ready
    hear_batch(1, seq: 3)
    hear_batch(1, seq: 2)
    assert_equal([3], advance(1_000).map { |message| message["last_seq"] })
    assert_equal 2, @world.ran.size
  end

  def test_more_doubles_than_one_generation_are_remembered
    ready
    2_500.times { |index| hear_batch(1, seq: index + 1) }
    hear_batch(1, seq: 1)
    assert_equal 2_500, @world.ran.size
  end

  def test_steps_of_unknown_handlers_are_rejected
    ready
    leases = hear_batch(2, handler: "other")
    assert_equal([["reject", "unknown_handler", leases]], said.map { |one| one.values_at("type", "reason", "lease_ids") })
    assert_empty @world.ran
  end

  def test_a_malformed_step_is_rejected_and_its_neighbour_runs
    ready
    bad = Items.item(lease_id: "batch_x.1").merge("task_context" => [])
    good = Items.item(lease_id: "batch_x.2", step_id: 2)
    batch = { batch_id: "batch_x", protocol_version: "2.0", type: "batch", seq: 1, steps: [bad, good] }
    @session.receive("@#{@session.name} #{JSON.generate(batch)}")
    assert_equal ["batch_x.2"], @world.ran.map(&:lease_id)
    assert_equal([["reject", "malformed", ["batch_x.1"]]], said.map { |one| one.values_at("type", "reason", "lease_ids") })
  end

  def test_steps_are_rejected_while_it_drains_and_what_had_not_begun_is_given_back
    ready
    first, second = hear_batch(2)
    @session.drain
    @session.give_back([step_of(second), Items.step(lease_id: "batch_unknown.1")])
    late = hear_batch(1, seq: 2)
    assert_equal([["heartbeat", nil], ["reject", [second]], ["reject", late]], said.map { |one| one.values_at("type", "lease_ids") })
    assert_equal 0, said.first["capacity"]
    assert_equal :draining, @session.state
    assert_equal([[[first], 0, 2]], advance(1_000).map { |one| one.values_at("leases", "capacity", "last_seq") })
  end

  # ----------------------------------------------------------------------------------------------------------- results

  def test_results_are_sent_again_until_they_are_acknowledged
    ready
    lease, = hear_batch(1)
    complete(lease)
    at = [@world.now]
    6_000.times do |tick|
      at << @world.now unless results_in(advance(10)).empty?
      hear(type: "ping") if (tick % 100).zero?
    end
    gaps = at.each_cons(2).map { |before, after| after - before }
    assert_operator gaps.size, :>=, 7
    gaps.each_with_index do |gap, index|
      nominal = [1_000 * (2**index), 10_000].min
      assert_in_delta nominal, gap, (nominal * 0.2) + 10
    end
    hear(type: "result_ack", lease_ids: [lease])
    assert_equal 0, @session.outbox_size
    20.times do
      hear(type: "ping")
      assert_empty results_in(advance(1_000))
    end
  end

  def test_results_of_several_batches_go_in_a_message_each
    ready
    first = hear_batch(2, seq: 1)
    second = hear_batch(1, seq: 2)
    complete(*first, *second)
    assert_equal([2, 1], said.map { |message| message["results"].size })
  end

  def test_results_that_are_too_large_together_are_sent_apart
    ready
    welcome(limits: { max_message_bytes: 10_000, max_output_bytes: 6_000, max_steps_per_batch: 10 })
    leases = hear_batch(3)
    said.clear
    complete(*leases, output: "x" * 5_000)
    assert_equal([1, 1, 1], said.map { |message| message["results"].size })
  end

  def test_the_answer_after_a_timeout_follows_the_ack_of_the_timeout
    ready
    lease, = hear_batch(1)
    time_out(lease)
    complete(lease, output: "late")
    assert_equal(["timeout"], results_in.map { |one| one.dig("error", "code") })
    2.times { hear(type: "result_ack", lease_ids: [], timeout_ids: [lease]) }
    assert_equal([nil, "late"], results_in.map { |one| one["output"] })
    assert_equal 1, @session.outbox_size
    hear(type: "result_ack", lease_ids: [lease])
    assert_equal 0, @session.outbox_size
  end

  def test_the_answer_after_an_acknowledged_timeout_is_sent_at_once
    ready
    lease, = hear_batch(1)
    time_out(lease)
    hear(type: "result_ack", lease_ids: [lease])
    assert_equal([[]], advance(1_000).map { |one| one["leases"] })
    complete(lease, output: "late")
    assert_equal([nil, "late"], results_in.map { |one| one["output"] })
  end

  def test_results_of_leases_that_it_does_not_hold_are_not_sent
    ready
    @session.finish([Outcome.returned(Items.step(lease_id: "batch_unknown.1"), 1)])
    assert_empty said
  end

  def test_a_result_says_what_its_handler_wants
    ready
    lease, = hear_batch(1)
    step_of(lease).handler_version = "1.2.3"
    @session.finish([Outcome.raised(step_of(lease), RetryableError.new("busy", retry_after: 1.5, code: "busy"))])
    result = results_in.fetch(0)
    assert_equal ["failed", nil, "busy", "busy"], [result["status"], result["output"], *result["error"].values_at("message", "code")]
    assert_equal [lease, 1, true, 1_500, "1.2.3"],
                 result["metadata"].values_at("lease_id", "attempt", "retryable", "retry_after_ms", "handler_version")
  end

  # ------------------------------------------------------------------------------------------ heartbeats, checkpoints

  def test_capacity_shrinks_by_overdue_handlers_but_never_to_nothing
    ready
    [1, 2, 0, 0].each { |count| @session.overdue(count) }
    assert_equal([1, 1, 2], said.map { |message| message["capacity"] })
  end

  def test_the_latest_progress_travels_with_the_next_heartbeat_once
    ready
    lease, = hear_batch(1)
    @session.progress(step_of(lease), '{"done":1}')
    @session.progress(step_of(lease), '{"done":9007199254740993}')
    assert_equal [{ "lease_id" => lease, "progress" => { "done" => 9_007_199_254_740_993 } }], advance(1_000).fetch(0)["progress"]
    hear(type: "ping")
    assert_empty advance(1_000).fetch(0)["progress"]
  end

  def test_a_checkpoint_is_sent_at_once_and_repeated_until_it_is_settled
    ready
    lease, = hear_batch(1)
    @session.checkpoint(step_of(lease), 1, '{"row":1}')
    expected = [{ "lease_id" => lease, "seq" => 1, "cursor" => { "row" => 1 } }]
    assert_equal expected, said.fetch(0)["checkpoints"]
    assert_equal expected, advance(1_000).fetch(0)["checkpoints"]
    hear(type: "checkpoint_ack", checkpoints: [{ lease_id: lease, seq: 1 }])
    assert_empty advance(1_000).fetch(0)["checkpoints"]
  end

  def test_while_a_checkpoint_is_on_its_way_only_the_newest_follows
    ready
    lease, = hear_batch(1)
    (1..3).each { |seq| @session.checkpoint(step_of(lease), seq, seq.to_s) }
    assert_equal 1, said.size
    hear(type: "checkpoint_ack", checkpoints: [{ lease_id: lease, seq: 1 }])
    assert_equal([[[1, 1]], [[3, 3]]], said.map { |one| one["checkpoints"].map { |cursor| cursor.values_at("seq", "cursor") } })
  end

  def test_a_checkpoint_that_waits_when_the_handler_ends_goes_before_the_result
    ready
    lease, = hear_batch(1)
    (1..2).each { |seq| @session.checkpoint(step_of(lease), seq, seq.to_s) }
    complete(lease)
    assert_equal %w[heartbeat heartbeat results], types
    assert_equal 2, said[1]["checkpoints"].fetch(0)["seq"]
    assert_empty advance(1_000).fetch(0)["checkpoints"]
  end

  # ----------------------------------------------------------------------------------------------------------- leaving

  def test_leaving_waits_for_the_last_ack_says_bye_and_lingers
    ready
    lease, = hear_batch(1)
    @session.drain
    complete(lease)
    @session.leave(5_000)
    assert_empty @world.events
    hear(type: "result_ack", lease_ids: [lease])
    assert_equal ["bye", @session.name, 1], said.last.values_at("type", "session", "last_seq")
    assert_equal ["closed"], @world.events
    assert_equal 2_000, @world.closed_with
    assert_equal Float::INFINITY, @session.wakes_at
  end

  def test_leaving_does_not_wait_for_ever
    ready
    lease, = hear_batch(1)
    complete(lease)
    @session.leave(3_000)
    advance(2_990)
    assert_empty @world.events
    advance(10)
    assert_equal ["closed"], @world.events
    assert_equal "bye", types.last
  end

  def test_an_ack_that_was_lost_is_made_up_for_through_a_new_session
    ready
    lease, = hear_batch(1)
    complete(lease)
    @session.leave(20_000)
    first = @session.name
    advance(4_100)
    refute_equal first, @session.name
    assert_equal ["hello", 0, [lease]], said.last.values_at("type", "capacity", "outbox")
    welcome
    assert_equal "results", types.last
    hear(type: "result_ack", lease_ids: [lease])
    assert_equal ["closed"], @world.events
  end

  def test_orders_to_cancel_and_to_drain_are_passed_on
    ready
    hear(type: "cancel", lease_ids: ["a.1", "a.2"], reason: "task cancelled")
    hear(type: "drain", reason: "maintenance")
    assert_equal ["cancel a.1,a.2 task cancelled", "drain maintenance"], @world.events
  end
end
