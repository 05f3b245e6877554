# frozen_string_literal: true

module TaskerWorker
  # What a message may be at most (spec section 14). Receivers refuse what is beyond; nothing is unbounded.
  Limits = Struct.new(:message_bytes, :output_bytes, :progress_bytes, :checkpoint_bytes, :results_per_message, :steps_per_batch, :handlers,
                      :leases, :packed_values, :depth, keyword_init: true)

  DEFAULT_LIMITS = Limits.new(
    message_bytes: 16 * 1024 * 1024,
    output_bytes: 4 * 1024 * 1024,
    progress_bytes: 64 * 1024,
    results_per_message: 1_000,
    steps_per_batch: 1_000,
    handlers: 1_000,
    leases: 10_000,
    packed_values: 1_000_000,
    depth: 512,
    checkpoint_bytes: 64 * 1024
  ).freeze
end
